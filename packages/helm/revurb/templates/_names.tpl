{{- define "revurb.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 53 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "revurb.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "revurb.labels" -}}
{{ include "revurb.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What stands before /ready and /live: nothing, or a slash and the path without slashes around it. */}}
{{- define "revurb.path" -}}
{{- with get .Values.env "REVERB_SERVER_PATH" | trimAll "/" }}/{{ . }}{{ end }}
{{- end }}

{{- define "revurb.secret" -}}
{{ .Values.app.existingSecret | default (include "revurb.name" .) }}
{{- end }}

{{- define "revurb.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "revurb.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* What does not fit together is said before anything is installed. */}}
{{- define "revurb.checks" -}}
{{- $most := ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | int }}
{{- if and (gt $most 1) (not .Values.redis.enabled) }}
{{- fail "more than one node needs Redis: set redis.enabled and redis.url (or REDIS_URL in app.existingSecret), or replicas to 1" }}
{{- end }}
{{- if not .Values.app.existingSecret }}
{{- range $key := list "id" "key" "secret" }}
{{- if not (get $.Values.app $key) }}{{ fail (printf "app.%s is not set: give app.id, app.key and app.secret, or app.existingSecret" $key) }}{{ end }}
{{- end }}
{{- if and .Values.redis.enabled (not .Values.redis.url) }}{{ fail "redis.url is not set: such as redis://redis:6379" }}{{ end }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is larger than autoscaling.maxReplicas" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.connectionsPerPod) (not .Values.autoscaling.cpuPercent) }}
{{- fail "autoscaling needs connectionsPerPod or cpuPercent" }}
{{- end }}
{{- $elsewhere := dict "REVERB_SERVER_HOST" "" "REVERB_SERVER_PORT" "service.port" "REVURB_ADMIN_HOST" "" "REVURB_ADMIN_PORT" "admin.port" }}
{{- $elsewhere = merge $elsewhere (dict "REVURB_DRAIN_DELAY" "drain.delaySeconds" "REVURB_DRAIN_TIMEOUT" "drain.timeoutSeconds") }}
{{- range $name, $value := .Values.env }}
{{- if hasKey $elsewhere $name }}
{{- fail (printf "env.%s is the chart's own%s" $name (ternary (printf ": set %s" (get $elsewhere $name)) "" (ne (get $elsewhere $name) ""))) }}
{{- end }}
{{- end }}
{{- if and .Values.admin.enabled (eq (int .Values.admin.port) 8080) }}{{ fail "admin.port is 8080, on which the pod listens for clients" }}{{ end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.admin.enabled) }}{{ fail "serviceMonitor needs admin.enabled" }}{{ end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}{{ fail "ingress.host is not set: such as ws.example.com" }}{{ end }}
{{- end }}
