{{- define "waybill.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* 52: a StatefulSet's pods and a CronJob's jobs have names that are longer still. */ -}}
{{- define "waybill.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 44 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "waybill.labels.release" -}}
app.kubernetes.io/name: {{ include "waybill.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Of the pods that consume, and of no other: Service and budget go by them. */ -}}
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

{{- /* waybill.metadata (dict "root" . "suffix" "" "labels" dict "annotations" dict): the
       chart's own labels come first, then those of one object, then those of all. */ -}}
{{- define "waybill.metadata" -}}
{{- $own := include "waybill.labels" .root | fromYaml -}}
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
{{- with .Values.image -}}
{{- if .registry }}{{ .registry }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "waybill.configMap" -}}
{{- default (include "waybill.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{- /* The token of the admin port comes as a file: a variable never changes while a pod runs,
       nor does the program take a line end off it. Where config is somebody else's, there is
       only the variable: what it says is not expanded. */ -}}
{{- define "waybill.adminToken.isFile" -}}
{{- if and .Values.admin.tokenSecret.name (not .Values.existingConfigMap) }}true{{ end }}
{{- end }}

{{- /* config.yaml: config, and what the chart adds to it */ -}}
{{- define "waybill.config" -}}
{{- $config := .Values.config }}
{{- if include "waybill.adminToken.isFile" . }}
{{- $token := dict "admin" (dict "token" "${file:/run/secrets/waybill-admin-token/token}") }}
{{- $config = merge $token (deepCopy $config) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- /* A duration of config.yaml in whole seconds, rounded up; nothing where it is no
       plain duration (${env:...}). */ -}}
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
{{- include "waybill.seconds" (dig "delivery" "drain" "10s" .Values.config | toString) }}
{{- end }}
{{- end }}

{{- /* What is in flight is drained, then the last transaction is committed. */ -}}
{{- define "waybill.grace" -}}
{{- $given := .Values.terminationGracePeriodSeconds }}
{{- if not (kindIs "invalid" $given) }}
{{- int64 $given }}
{{- else }}
{{- add (include "waybill.drain" . | default "10" | int64) 20 }}
{{- end }}
{{- end }}

{{- define "waybill.scheme" -}}
{{- if or .Values.admin.tlsSecret (dig "admin" "tls_certificate" "" .Values.config) }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{- /* waybill.wanted (dict "root" . "enabled" X "api" "group/version/Kind"): "true" or nothing */ -}}
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

{{- /* Alerts that are left out. Where none may be left to scrape, that there is none is no
       fault. */ -}}
{{- define "waybill.alerts.disabled" -}}
{{- $disabled := .Values.prometheusRule.disabled }}
{{- if and .Values.keda.enabled (eq (int .Values.keda.minReplicas) 0) }}
{{- $disabled = append $disabled "WaybillNotScraped" }}
{{- end }}
{{- $disabled | toJson }}
{{- end }}

{{- /* The alerts know a job that is called waybill, or ends in /waybill, and sum by it: one
       for each group. In front of it stands the namespace, as Prometheus finds it: manifests
       that are rendered for one may be applied in another. */ -}}
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
