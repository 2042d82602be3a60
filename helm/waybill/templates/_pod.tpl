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

{{- /* Directories and no subPath, which the kubelet would never update. */ -}}
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
  value: {{ printf "%s:%d" (ternary "[::]" .Values.admin.address (eq .Values.admin.address "::")) (int .Values.admin.port) | quote }}
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

{{- /* Transactional ids are unique in a Kafka cluster, not in a namespace of Kubernetes. */ -}}
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
{{- /* `kubectl describe pod` then shows the last lines of the log as the reason. */}}
terminationMessagePolicy: FallbackToLogsOnError
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
{{- include "waybill.probe" (dict "root" .root "name" "startup" "path" "/livez") }}
{{- include "waybill.probe" (dict "root" .root "name" "liveness" "path" "/livez") }}
{{- include "waybill.probe" (dict "root" .root "name" "readiness" "path" "/readyz") }}
{{- with $v.lifecycle }}
lifecycle:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- /* waybill.probe (dict "root" . "name" "liveness" "path" "/livez"): nothing if it is
       null or disabled */ -}}
{{- define "waybill.probe" -}}
{{- $get := dict "httpGet" (dict "path" .path "port" "http-admin" "scheme" (include "waybill.scheme" .root)) }}
{{- $probe := get .root.Values.probes .name }}
{{- if and $probe (ne (get $probe "enabled" | toString) "false") }}
{{- with omit $probe "enabled" }}
{{- if or .exec .grpc .httpGet .tcpSocket }}
{{- $get = dict }}
{{- end }}
{{ $.name }}Probe:
  {{- toYaml (merge (dict) $get .) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What the pods that consume, replay and test have in common */ -}}
{{- define "waybill.pod" -}}
{{- $v := .Values -}}
serviceAccountName: {{ include "waybill.serviceAccount" . }}
automountServiceAccountToken: {{ $v.serviceAccount.automountToken }}
enableServiceLinks: false
{{- with include "waybill.imagePullSecrets" . | fromYamlArray }}
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
{{- with $v.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with $v.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  {{- include "waybill.volumes" . | nindent 2 }}
{{- end }}

{{- /* Without the version of the chart: a new chart alone must not replace pods. */ -}}
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

{{- /* A change of the sections that take a restart changes the pods; with `restart` any change
       does. */ -}}
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
    {{- $args := list "run" "--config" "/etc/waybill/config.yaml" }}
    - {{ include "waybill.container" (dict "root" . "name" "waybill" "args" $args "consumes" true) | nindent 6 | trim }}
    {{- with $v.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
