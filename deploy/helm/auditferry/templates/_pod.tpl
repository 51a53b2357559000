{{/* The pod. Where a volume claim template gives the volume "state", it is not among the volumes here. */}}
{{- define "auditferry.pod" -}}
metadata:
  labels:
    {{- include "auditferry.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ include "auditferry.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "auditferry.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- include "auditferry.podSecurity" . | nindent 2 }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  containers:
    - name: auditferry
      image: {{ include "auditferry.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - run
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: admin
          containerPort: {{ .Values.adminPort }}
      {{- include "auditferry.surroundings" . | nindent 6 }}
      livenessProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 30
        timeoutSeconds: 5
        failureThreshold: 4
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 15
        timeoutSeconds: 5
      startupProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 150
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
    {{- with .Values.extraContainers }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "auditferry.volumes" . | nindent 4 }}
    {{- if eq .Values.state.type "postgres" }}
    {{- else if not .Values.persistence.enabled }}
    - name: state
      emptyDir: {}
    {{- else if .Values.persistence.existingClaim }}
    - name: state
      persistentVolumeClaim: { claimName: {{ .Values.persistence.existingClaim }} }
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if and (eq .Values.state.type "postgres") (not .Values.affinity) }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "auditferry.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "auditferry.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* What the daemon and `check` both see around them. */}}
{{- define "auditferry.surroundings" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- $isVerified := and (eq .Values.state.type "postgres") .Values.state.caSecret }}
{{- if or .Values.extraEnv $isVerified }}
env:
  {{- if $isVerified }}
  - { name: PGSSLMODE, value: verify-full }
  - { name: PGSSLROOTCERT, value: /run/secrets/auditferry-state-ca/ca.crt }
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- tpl (toYaml .) $ | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- tpl (toYaml .) $ | nindent 2 }}
{{- end }}
volumeMounts:
  {{- if eq .Values.state.type "postgres" }}
  {{- if .Values.state.existingSecret }}
  - { name: state-url, mountPath: /run/secrets/auditferry-state, readOnly: true }
  {{- end }}
  {{- if .Values.state.caSecret }}
  - { name: state-ca, mountPath: /run/secrets/auditferry-state-ca, readOnly: true }
  {{- end }}
  {{- else }}
  - { name: state, mountPath: /var/lib/auditferry }
  {{- end }}
  - { name: config, mountPath: /etc/auditferry, readOnly: true }
  {{- if .Values.existingSecret }}
  - { name: secrets, mountPath: /run/secrets/auditferry, readOnly: true }
  {{- end }}
  - { name: tmp, mountPath: /tmp }
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "auditferry.volumes" -}}
- name: config
  configMap: { name: {{ include "auditferry.configMapName" . }} }
{{- if .Values.existingSecret }}
- name: secrets
  secret: { secretName: {{ .Values.existingSecret }}, defaultMode: 0440 }
{{- end }}
{{- if eq .Values.state.type "postgres" }}
{{- with .Values.state.existingSecret }}
- name: state-url
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{ key: {{ $.Values.state.urlKey }}, path: url }]
{{- end }}
{{- with .Values.state.caSecret }}
- name: state-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0444
    items: [{ key: {{ $.Values.state.caKey }}, path: ca.crt }]
{{- end }}
{{- end }}
- name: tmp
  emptyDir: {}
{{- with .Values.extraVolumes }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}
