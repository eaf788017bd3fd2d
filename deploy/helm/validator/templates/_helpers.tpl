{{- define "validator.labels" -}}
app.kubernetes.io/name: validator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "validator.selector" -}}
app.kubernetes.io/name: validator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: validator
{{- end }}

{{- define "validator.meta" -}}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "validator.labels" . | nindent 2 }}
{{- end }}
