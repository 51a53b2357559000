{{- define "auditferry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "auditferry.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "auditferry.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "auditferry.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "auditferry.selectorLabels" -}}
app.kubernetes.io/name: {{ include "auditferry.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "auditferry.labels" -}}
{{ include "auditferry.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "auditferry.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "auditferry.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "auditferry.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "auditferry.configMapName" -}}
{{- default (include "auditferry.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{/* What the chart itself decides stands over what the values say: the pod's ports and volumes depend on it. */}}
{{- define "auditferry.config" -}}
{{- $listen := printf "%s:%v" .Values.adminHost .Values.adminPort }}
{{- $state := dict "dir" "/var/lib/auditferry" }}
{{- if eq .Values.state.type "postgres" }}
{{- $url := "${file:/run/secrets/auditferry-state/url}" }}
{{- $state = dict "type" "postgres" "url" $url "schema" .Values.state.schema "lease" .Values.state.lease }}
{{- end }}
{{- $own := dict "state" $state "admin" (dict "listen" $listen) }}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $own) }}
{{- end }}
