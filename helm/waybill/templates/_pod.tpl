{{- define "waybill.volumes" -}}
- name: config
  configMap:
    name: {{ include "waybill.configMap" . }}
{{- with .Values.existingSecret }}
- name: secret
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- range .Values.secretMounts }}
- name: secret-{{ .name }}
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    {{- with .items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if .optional }}
    optional: true
    {{- end }}
{{- end }}
{{- with .Values.admin.tlsSecret }}
- name: admin-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if include "waybill.adminToken.isFile" . }}
- name: admin-token
  secret:
    secretName: {{ .Values.admin.tokenSecret.name }}
    defaultMode: 0440
    items:
      - {key: {{ .Values.admin.tokenSecret.key | quote }}, path: token}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Folders, no subPath: what is mounted by that is never brought up to date. */ -}}
{{- define "waybill.volumeMounts" -}}
- name: config
  mountPath: /etc/waybill
  readOnly: true
{{- if .Values.existingSecret }}
- name: secret
  mountPath: /run/secrets/waybill
  readOnly: true
{{- end }}
{{- range .Values.secretMounts }}
- name: secret-{{ .name }}
  mountPath: /run/secrets/{{ .name }}
  readOnly: true
{{- end }}
{{- if .Values.admin.tlsSecret }}
- name: admin-tls
  mountPath: /run/secrets/waybill-admin-tls
  readOnly: true
{{- end }}
{{- if include "waybill.adminToken.isFile" . }}
- name: admin-token
  mountPath: /run/secrets/waybill-admin-token
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "waybill.env.admin" -}}
- name: WAYBILL_ADMIN_LISTEN
  value: {{ printf "%s:%d" .Values.admin.address (int .Values.admin.port) | quote }}
{{- if .Values.admin.tlsSecret }}
- name: WAYBILL_ADMIN_TLS_CERTIFICATE
  value: /run/secrets/waybill-admin-tls/tls.crt
- name: WAYBILL_ADMIN_TLS_KEY
  value: /run/secrets/waybill-admin-tls/tls.key
{{- end }}
{{- if and .Values.admin.tokenSecret.name (not (include "waybill.adminToken.isFile" .)) }}
- name: WAYBILL_ADMIN_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .Values.admin.tokenSecret.name }}
      key: {{ .Values.admin.tokenSecret.key }}
{{- end }}
{{- end }}

{{- /* A transactional id counts in the whole of Kafka, not in a namespace of Kubernetes. */ -}}
{{- define "waybill.env.identity" -}}
{{- $prefix := .Values.statefulSet.idPrefix | default (printf "%s-" .Release.Namespace) -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: WAYBILL_KAFKA_INSTANCE_ID
  value: {{ $prefix }}$(POD_NAME)
- name: WAYBILL_KAFKA_TRANSACTIONAL_ID
  value: {{ $prefix }}$(POD_NAME)
{{- end }}

{{- /* waybill.container (dict "root" . "name" "waybill" "args" list "consumes" true) */ -}}
{{- define "waybill.container" -}}
{{- $v := .root.Values -}}
name: {{ .name }}
image: {{ include "waybill.image" .root }}
imagePullPolicy: {{ $v.image.pullPolicy }}
{{- with $v.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
args:
  {{- toYaml .args | nindent 2 }}
{{- $env := list }}
{{- if .consumes }}
{{- $env = append $env (include "waybill.env.admin" .root) }}
{{- if eq $v.kind "StatefulSet" }}
{{- $env = append $env (include "waybill.env.identity" .root) }}
{{- end }}
{{- end }}
{{- with $v.extraEnv }}
{{- $env = append $env (toYaml .) }}
{{- end }}
{{- with $env }}
env:
  {{- join "\n" . | nindent 2 }}
{{- end }}
{{- with $v.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "waybill.volumeMounts" .root | nindent 2 }}
{{- if .consumes }}
ports:
  - name: http-admin
    containerPort: {{ int $v.admin.port }}
    protocol: TCP
{{- $get := dict "httpGet" (dict "path" "/livez" "port" "http-admin" "scheme" (include "waybill.scheme" .root)) }}
startupProbe:
  {{- toYaml (merge (dict) $get $v.probes.startup) | nindent 2 }}
livenessProbe:
  {{- toYaml (merge (dict) $get $v.probes.liveness) | nindent 2 }}
readinessProbe:
  {{- $get = dict "httpGet" (dict "path" "/readyz" "port" "http-admin" "scheme" (include "waybill.scheme" .root)) }}
  {{- toYaml (merge (dict) $get $v.probes.readiness) | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What the pod that consumes, that replays and that tests have in common */ -}}
{{- define "waybill.pod" -}}
{{- $v := .Values -}}
serviceAccountName: {{ include "waybill.serviceAccount" . }}
automountServiceAccountToken: {{ $v.serviceAccount.automountToken }}
enableServiceLinks: false
{{- with $v.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $v.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  {{- include "waybill.volumes" . | nindent 2 }}
{{- end }}

{{- /* Not the chart's version: a new chart alone is no reason to replace pods. */ -}}
{{- define "waybill.podLabels" -}}
{{- $labels := dict "app.kubernetes.io/component" .component }}
{{- $release := include "waybill.labels.release" .root | fromYaml }}
{{- toYaml (merge $labels $release .root.Values.podLabels .root.Values.commonLabels) }}
{{- end }}

{{- define "waybill.spread" -}}
{{- $labels := include "waybill.labels.consumer" . | fromYaml }}
{{- $constraints := list }}
{{- range .Values.topologySpreadConstraints }}
{{- if hasKey . "labelSelector" }}
{{- $constraints = append $constraints . }}
{{- else }}
{{- $constraints = append $constraints (merge (dict "labelSelector" (dict "matchLabels" $labels)) .) }}
{{- end }}
{{- end }}
{{- toYaml $constraints }}
{{- end }}

{{- /* Parts of config that take a restart change the pods; with `restart` all of it does. */ -}}
{{- define "waybill.checksum" -}}
{{- $v := .Values }}
{{- if eq $v.reload "restart" }}
{{- dict "config" $v.config "files" $v.configFiles | toJson | sha256sum }}
{{- else }}
{{- $parts := dict }}
{{- range .Files.Get "files/restart.json" | fromJsonArray }}
{{- $_ := set $parts . (get $v.config .) }}
{{- end }}
{{- $parts | toJson | sha256sum }}
{{- end }}
{{- end }}

{{- define "waybill.template" -}}
{{- $v := .Values -}}
metadata:
  labels:
    {{- include "waybill.podLabels" (dict "root" . "component" "consumer") | nindent 4 }}
  {{- $annotations := dict "kubectl.kubernetes.io/default-container" "waybill" }}
  {{- if not $v.existingConfigMap }}
  {{- $_ := set $annotations "checksum/config" (include "waybill.checksum" .) }}
  {{- end }}
  annotations:
    {{- toYaml (merge $annotations $v.podAnnotations $v.commonAnnotations) | nindent 4 }}
spec:
  {{- include "waybill.pod" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "waybill.grace" . }}
  {{- if $v.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- include "waybill.spread" . | nindent 4 }}
  {{- end }}
  {{- with $v.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    {{- $args := concat (list "run" "--config" "/etc/waybill/config.yaml") $v.extraArgs }}
    - {{ include "waybill.container" (dict "root" . "name" "waybill" "args" $args "consumes" true) | nindent 6 | trim }}
    {{- with $v.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
