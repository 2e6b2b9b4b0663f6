{{- define "pipelinerun.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "pipelinerun.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "pipelinerun.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "pipelinerun.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "pipelinerun.selector" -}}
app.kubernetes.io/name: {{ include "pipelinerun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "pipelinerun.labels" -}}
{{ include "pipelinerun.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "pipelinerun.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "pipelinerun.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "pipelinerun.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* Each shard has a lease of its own, also while a release changes from one to another. */}}
{{- define "pipelinerun.lease" -}}
{{- include "pipelinerun.fullname" . }}
{{- with .Values.watchNamespaceSelector }}-{{ sha256sum . | trunc 8 }}{{ end }}
{{- end }}

{{- define "pipelinerun.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "pipelinerun.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* What every worker pod of this release has: the values, and how the image is pulled. */}}
{{- define "pipelinerun.workerTemplate" -}}
{{- $template := deepCopy .Values.workers.podTemplate }}
{{- $spec := default dict $template.spec }}
{{- $containers := list }}
{{- $found := false }}
{{- range default list $spec.containers }}
{{- $container := . }}
{{- if eq .name "pipeline" }}
{{- $found = true }}
{{- $container = merge (deepCopy .) (dict "imagePullPolicy" $.Values.image.pullPolicy) }}
{{- end }}
{{- $containers = append $containers $container }}
{{- end }}
{{- if not $found }}
{{- $containers = append $containers (dict "name" "pipeline" "imagePullPolicy" .Values.image.pullPolicy) }}
{{- end }}
{{- $_ := set $spec "containers" $containers }}
{{- if and .Values.imagePullSecrets (not $spec.imagePullSecrets) }}
{{- $_ := set $spec "imagePullSecrets" .Values.imagePullSecrets }}
{{- end }}
{{- $_ := set $template "spec" $spec }}
{{- toYaml $template }}
{{- end }}

{{- /* What the operator does, and no more. */}}
{{- define "pipelinerun.rules" -}}
- apiGroups: [pipelinerun.dev]
  resources: [pipelineruns]
  verbs: [get, list, watch, delete]
- apiGroups: [pipelinerun.dev]
  resources: [pipelineruns/status]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
# For code.configMap.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- if .Values.kuberay.enabled }}
# For ray.cluster and ray.clusterTemplate.
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [get, create, delete]
{{- end }}
{{- if .Values.watchNamespaceSelector }}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
{{- end }}
