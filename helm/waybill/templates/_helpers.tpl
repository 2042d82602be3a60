{{- /* Restores the default of each value that is null: Helm removes a null together with
       its key. Each template does this first, in place; to do it again changes nothing. */ -}}
{{- define "waybill.defaults" -}}
{{- include "waybill.defaults.of" (dict "values" .Values "defaults" (.Files.Get "files/defaults.json" | fromJson)) -}}
{{- end }}

{{- define "waybill.defaults.of" -}}
{{- $values := .values -}}
{{- range $key, $default := .defaults -}}
{{- if or (not (hasKey $values $key)) (kindIs "invalid" (get $values $key)) -}}
{{- $_ := set $values $key $default -}}
{{- else if and (kindIs "map" $default) (kindIs "map" (get $values $key)) -}}
{{- include "waybill.defaults.of" (dict "values" (get $values $key) "defaults" $default) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "waybill.name" -}}
{{- regexReplaceAll "-+$" (default .Chart.Name .Values.nameOverride | trunc 63) "" }}
{{- end }}

{{- /* Pods of a StatefulSet and jobs of a CronJob have names that are longer than this one,
       and a Service accepts 63 characters, no dot, and a letter at the beginning. */ -}}
{{- define "waybill.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := printf "%s-%s" .Release.Name $name }}
{{- if .Values.fullnameOverride }}
{{- $full = .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- $full = .Release.Name }}
{{- end }}
{{- $full = $full | replace "." "-" }}
{{- if regexMatch "^[0-9]" $full }}
{{- $full = printf "waybill-%s" $full }}
{{- end }}
{{- regexReplaceAll "-+$" (trunc 44 $full) "" }}
{{- end }}

{{- define "waybill.labels.release" -}}
app.kubernetes.io/name: {{ include "waybill.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The labels by which the Service and the PodDisruptionBudget select the pods that
       consume, and no others. */ -}}
{{- define "waybill.labels.consumer" -}}
{{ include "waybill.labels.release" . }}
app.kubernetes.io/component: consumer
{{- end }}

{{- define "waybill.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "waybill.labels.release" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* waybill.metadata (dict "root" . "suffix" "" "own" dict "labels" dict "annotations"
       dict): the labels of the chart take precedence (`own`: of this object), then those that
       values set for the object, then those that they set for all objects. */ -}}
{{- define "waybill.metadata" -}}
{{- $own := merge (include "waybill.labels" .root | fromYaml) (.own | default dict) -}}
name: {{ .name | default (printf "%s%s" (include "waybill.fullname" .root) (.suffix | default "")) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- toYaml (merge $own (.labels | default dict) .root.Values.commonLabels) | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "waybill.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "waybill.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "waybill.image" -}}
{{- $registry := (.Values.global | default dict).imageRegistry | default .Values.image.registry -}}
{{- with .Values.image -}}
{{- if $registry }}{{ $registry | trimSuffix "/" }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- /* Those of all charts are names, or mappings as the chart's own are. */ -}}
{{- define "waybill.imagePullSecrets" -}}
{{- $names := list }}
{{- range concat .Values.imagePullSecrets ((.Values.global | default dict).imagePullSecrets | default list) }}
{{- $names = append $names (kindIs "map" . | ternary . (dict "name" .)) }}
{{- end }}
{{- $names | uniq | toYaml }}
{{- end }}

{{- define "waybill.configMap" -}}
{{- default (include "waybill.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{- /* The token of the admin port is a file, since an environment variable never changes
       while a pod runs, and Waybill does not remove a line break from it. With
       existingConfigMap only the variable is possible: the chart cannot add to that
       configuration. */ -}}
{{- define "waybill.adminToken.isFile" -}}
{{- if and .Values.admin.tokenSecret.name (not .Values.existingConfigMap) }}true{{ end }}
{{- end }}

{{- /* config.yaml: `config`, and the token of the admin port */ -}}
{{- define "waybill.config" -}}
{{- $config := .Values.config }}
{{- if include "waybill.adminToken.isFile" . }}
{{- $token := dict "admin" (dict "token" "${file:/run/secrets/waybill-admin-token/token}") }}
{{- $config = merge $token (deepCopy $config) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- /* A duration of config.yaml in whole seconds, rounded up; empty if it is not a plain
       duration (${env:...}). */ -}}
{{- define "waybill.seconds" -}}
{{- if regexMatch "^[0-9]{1,9}(ms|s|m|h|d)$" . }}
{{- $number := regexFind "^[0-9]+" . | int64 }}
{{- $unit := regexFind "[a-z]+$" . }}
{{- if eq $unit "ms" }}
{{- div (add $number 999) 1000 }}
{{- else }}
{{- mul $number (get (dict "s" 1 "m" 60 "h" 3600 "d" 86400) $unit) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "waybill.drain" -}}
{{- if .Values.existingConfigMap }}
{{- else }}
{{- include "waybill.seconds" ((.Values.config.delivery | default dict).drain | default "10s" | toString) }}
{{- end }}
{{- end }}

{{- /* Deliveries in flight are finished, then the last transaction is committed. */ -}}
{{- define "waybill.grace" -}}
{{- $given := .Values.terminationGracePeriodSeconds }}
{{- if not (kindIs "invalid" $given) }}
{{- int64 $given }}
{{- else }}
{{- add (include "waybill.drain" . | default "10" | int64) 20 }}
{{- end }}
{{- end }}

{{- define "waybill.scheme" -}}
{{- if or .Values.admin.tlsSecret (.Values.config.admin | default dict).tls_certificate }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{- /* waybill.wanted (dict "root" . "enabled" X "api" "group/version/Kind"): "true" or empty */ -}}
{{- define "waybill.wanted" -}}
{{- if eq (toString .enabled) "auto" }}
{{- if .root.Capabilities.APIVersions.Has .api }}true{{ end }}
{{- else if .enabled }}true{{ end }}
{{- end }}

{{- define "waybill.serviceMonitor.wanted" -}}
{{- include "waybill.wanted" (dict "root" . "enabled" .Values.serviceMonitor.enabled "api" "monitoring.coreos.com/v1/ServiceMonitor") }}
{{- end }}

{{- define "waybill.podMonitor.wanted" -}}
{{- include "waybill.wanted" (dict "root" . "enabled" .Values.podMonitor.enabled "api" "monitoring.coreos.com/v1/PodMonitor") }}
{{- end }}

{{- define "waybill.prometheusRule.wanted" -}}
{{- include "waybill.wanted" (dict "root" . "enabled" .Values.prometheusRule.enabled "api" "monitoring.coreos.com/v1/PrometheusRule") }}
{{- end }}

{{- /* The alerts that are not created. If KEDA may scale to 0, it is not a fault that there is
       no pod to scrape. */ -}}
{{- define "waybill.alerts.disabled" -}}
{{- $disabled := .Values.prometheusRule.disabled }}
{{- if and .Values.keda.enabled (eq (int .Values.keda.minReplicas) 0) }}
{{- $disabled = append $disabled "WaybillNotScraped" }}
{{- end }}
{{- $disabled | toJson }}
{{- end }}

{{- /* The alerts select jobs named waybill, or that end in /waybill, and sum by job: one for
       each consumer group. Prometheus adds the namespace, since manifests that are rendered
       for one namespace may be applied in another. */ -}}
{{- define "waybill.job" -}}
{{- $name := include "waybill.fullname" . }}
{{- if ne $name "waybill" }}{{ $name }}/{{ end }}waybill
{{- end }}

{{- /* One endpoint of a monitor: dict "root" . "monitor" .Values.podMonitor */ -}}
{{- define "waybill.endpoint" -}}
port: http-admin
path: /metrics
interval: {{ .monitor.interval }}
scrapeTimeout: {{ .monitor.scrapeTimeout }}
{{- if eq (include "waybill.scheme" .root) "HTTPS" }}
scheme: https
{{- with .monitor.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .root.Values.admin.tokenSecret }}
{{- if .name }}
authorization:
  type: Bearer
  credentials:
    name: {{ .name }}
    key: {{ .key }}
{{- end }}
{{- end }}
relabelings:
  - sourceLabels: [__meta_kubernetes_namespace]
    targetLabel: job
    replacement: $1/{{ include "waybill.job" .root }}
  {{- with .monitor.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
