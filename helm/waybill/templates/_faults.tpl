{{- /*
What cannot be right is refused before anything is made, all of it at once.

Each part appends to (index . "list") of the dict that it is given as "faults".
*/ -}}

{{- /* A mapping, a list or a single value of config: dict "node" "path" "rule" "key" "secrets"
       "faults". The rule is the path as files/secrets.json has it, with [] for any item and .*
       for any key. A source's value is no secret where it is bound to the username. */ -}}
{{- define "waybill.faults.walk" -}}
{{- $at := . -}}
{{- if kindIs "map" .node -}}
{{- range $key, $value := .node -}}
{{- $dot := ternary "" "." (eq $at.rule "") -}}
{{- $open := and (eq $key "value") (eq (get $at.node "binding" | toString) "username") -}}
{{- $any := hasKey $at.secrets (printf "%s.*" $at.rule) -}}
{{- $rule := printf "%s%s%s" $at.rule $dot (ternary "*" $key $any) -}}
{{- include "waybill.faults.walk" (dict "node" $value "path" (printf "%s.%s" $at.path $key) "rule" (ternary "no secret" $rule $open) "key" $key "secrets" $at.secrets "faults" $at.faults) -}}
{{- end -}}
{{- else if kindIs "slice" .node -}}
{{- range $i, $value := .node -}}
{{- include "waybill.faults.walk" (dict "node" $value "path" (printf "%s[%d]" $at.path $i) "rule" (printf "%s[]" $at.rule) "key" $at.key "secrets" $at.secrets "faults" $at.faults) -}}
{{- end -}}
{{- else if not (kindIs "invalid" .node) -}}
{{- include "waybill.faults.text" . -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.text" -}}
{{- $text := toString .node -}}
{{- $rest := regexReplaceAll "\\$\\{(env|file):[^}]+\\}" $text "" -}}
{{- $kind := get .secrets .rule -}}
{{- if and (eq $kind "") (regexMatch "(?i)(^|[._-])(password|passwd|passphrase|secret|token|credentials?|jaas\\.config|key\\.pem)$" .key) -}}
{{- $kind = "value" -}}
{{- end -}}
{{- /* `Authorization: Bearer ${env:TOKEN}`, and headers that are no secrets */ -}}
{{- if eq $kind "header" -}}
{{- $scheme := and (ne $rest $text) (regexMatch "^[A-Za-z-]{1,16} $" $rest) -}}
{{- $kind = ternary "" "value" (or $scheme (regexMatch "(?i)^(content-type|accept|user-agent)$" .key)) -}}
{{- end -}}
{{- /* What is no address has words: `Issuer: O = House, emailAddress = pki@example.com` */ -}}
{{- $blank := ternary "" "\\s" (eq $kind "url") -}}
{{- if and (eq $kind "value") (ne $rest "") -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a secret in plain text") -}}
{{- else if regexMatch "-----BEGIN [A-Z0-9 ]*PRIVATE KEY" $text -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a private key") -}}
{{- else if regexMatch (printf "^([A-Za-z][A-Za-z0-9+.-]*://)?[^/@:%s]*:[^/@%s]+@" $blank $blank) $rest -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a password in an address") -}}
{{- else if regexMatch "\\b(gh[pousr]_[A-Za-z0-9]{20}|github_pat_[A-Za-z0-9_]{20}|glpat-[A-Za-z0-9_-]{16}|dckr_pat_[A-Za-z0-9_-]{16}|AKIA[A-Z0-9]{16}|eyJ[A-Za-z0-9_-]{10,}\\.eyJ)" $text -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a token") -}}
{{- else if regexMatch "\"(auth|identitytoken|registrytoken|password)\"\\s*:\\s*\"[^\"]" $text -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a docker config with credentials") -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.say" -}}
{{- $fault := printf "%s: holds %s, which everybody who may read ConfigMaps would see: put it into a Secret and write ${file:/run/secrets/waybill/KEY} (existingSecret), ${file:/run/secrets/NAME/KEY} (secretMounts) or ${env:NAME} (extraEnv)" .at.path .what -}}
{{- $_ := set .at.faults "list" (append .at.faults.list $fault) -}}
{{- end -}}

{{- /* waybill.faults.add (dict "faults" F "if" BOOLEAN "say" TEXT) */ -}}
{{- define "waybill.faults.add" -}}
{{- if .if -}}
{{- $_ := set .faults "list" (append .faults.list .say) -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.config" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- $given := not (empty $v.config) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (not $given) (not $v.existingConfigMap)) "say" "config: say where events come from and where they go (kafka, registrations, attachments), or name an existingConfigMap") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $given $v.existingConfigMap) "say" "existingConfigMap: is given beside config, and only one of them can be Waybill's configuration") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $v.existingConfigMap $v.configFiles) "say" "configFiles: would stand in the chart's own ConfigMap: put them into existingConfigMap") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (hasKey $v.configFiles "config.yaml") "say" "configFiles: config.yaml is made of config") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (hasKey ($v.config.admin | default dict) "listen") "say" "config.admin.listen: probes and monitors have to know the port: say it as admin.port (and admin.address)") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $given (not (hasKey $v.config "kafka"))) "say" "config.kafka: is missing, and waybill run reads from Kafka") -}}
{{- $secrets := .root.Files.Get "files/secrets.json" | fromJson -}}
{{- include "waybill.faults.walk" (dict "node" $v.config "path" "config" "rule" "" "key" "" "secrets" $secrets "faults" $f) -}}
{{- include "waybill.faults.walk" (dict "node" $v.configFiles "path" "configFiles" "rule" "" "key" "" "secrets" dict "faults" $f) -}}
{{- range $v.extraEnv -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and .value (regexMatch "(PASSWORD|PASSPHRASE|SECRET|TOKEN)$" .name)) "say" (printf "extraEnv: %s holds a secret in plain text: give it by valueFrom.secretKeyRef" .name)) -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.workload" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- range $id := list "transactional_id" "instance_id" -}}
{{- $value := get ($v.config.kafka | default dict) $id | toString -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $value (eq $v.kind "StatefulSet")) "say" (printf "config.kafka.%s: is made of each pod's name in a StatefulSet: leave it out" $id)) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $value (ne $v.kind "StatefulSet") (not (contains "${" $value))) "say" (printf "config.kafka.%s: all pods would have the same, and throw each other out: leave it out, or take kind: StatefulSet" $id)) -}}
{{- end -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (eq $v.kind "StatefulSet") (not $v.service.enabled)) "say" "service.enabled: a StatefulSet needs its Service") -}}
{{- $drain := include "waybill.drain" .root -}}
{{- $grace := include "waybill.grace" .root | int64 -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $drain (le $grace (int64 $drain))) "say" (printf "terminationGracePeriodSeconds: %d s is not more than config.delivery.drain (%s s): pods would be killed while they finish what is in flight" $grace $drain)) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $v.config (not $drain) (not $v.existingConfigMap) (kindIs "invalid" $v.terminationGracePeriodSeconds)) "say" "terminationGracePeriodSeconds: config.delivery.drain is not a plain duration here, so say how long a pod may take to stop") -}}
{{- $names := list "waybill" "waybill-admin-tls" "waybill-admin-token" -}}
{{- range $v.secretMounts -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (has .name $names) "say" (printf "secretMounts: %s is taken already" .name)) -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.scale" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- if not (kindIs "invalid" $v.partitions) -}}
{{- $most := int64 $v.partitions -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (not $v.keda.enabled) (gt (int64 $v.replicas) $most)) "say" (printf "replicas: %d instances, and the topic has %d partitions: the rest would only wait" (int64 $v.replicas) $most)) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $v.keda.enabled (gt (int64 $v.keda.maxReplicas) $most)) "say" (printf "keda.maxReplicas: %d instances, and the topic has %d partitions: the rest would only wait" (int64 $v.keda.maxReplicas) $most)) -}}
{{- end -}}
{{- if $v.keda.enabled -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (gt (int64 $v.keda.minReplicas) (int64 $v.keda.maxReplicas)) "say" "keda.minReplicas: is more than keda.maxReplicas") -}}
{{- range $key, $value := include "waybill.keda.source" .root | fromYaml -}}
{{- $bad := or (not $value) (contains "${" $value) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" $bad "say" (printf "keda.%s: KEDA has to know it, and config does not say it in plain text" $key)) -}}
{{- end -}}
{{- $sasl := contains "SASL" (dig "kafka" "properties" "security.protocol" "" $v.config | toString | upper) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $sasl (not $v.keda.authentication)) "say" "keda.authentication: the brokers want SASL, and KEDA has to log in as well: name the Secret's keys (username, password)") -}}
{{- include "waybill.faults.keda.tls" . -}}
{{- end -}}
{{- end -}}

{{- /* KEDA sees no file of the pod's. The system's authorities it has as well. */ -}}
{{- define "waybill.faults.keda.tls" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- $properties := dig "kafka" "properties" dict $v.config -}}
{{- $metadata := merge (dict) $v.keda.metadata (include "waybill.keda.security" .root | fromYaml) -}}
{{- $tls := eq (get $metadata "tls") "enable" -}}
{{- $has := list -}}
{{- range $v.keda.authentication -}}
{{- $has = append $has .parameter -}}
{{- end -}}
{{- range $property, $parameter := dict "ssl.ca.location" "ca" "ssl.ca.pem" "ca" "ssl.certificate.location" "cert" "ssl.certificate.pem" "cert" "ssl.keystore.location" "cert" "ssl.key.location" "key" "ssl.key.pem" "key" -}}
{{- $value := get $properties $property | toString -}}
{{- $own := and $value (ne $value "probe") (not (hasPrefix "/etc/ssl/" $value)) -}}
{{- $unsafe := and (eq $parameter "ca") (eq (get $metadata "unsafeSsl") "true") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $tls $own (not $unsafe) (not (has $parameter $has))) "say" (printf "keda.authentication: config.kafka.properties has %s, and KEDA needs it as well: name the Secret's key as parameter %s" $property $parameter)) -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.network" -}}
{{- $v := .root.Values.networkPolicy -}}
{{- $ports := include "waybill.brokerPorts" .root -}}
{{- $unknown := or (eq $ports "[]") (regexMatch "\\b0\\b" $ports) -}}
{{- include "waybill.faults.add" (dict "faults" .faults "if" (and $v.enabled $unknown) "say" "networkPolicy.brokerPorts: which ports are the brokers'? config does not say it in plain text") -}}
{{- end -}}

{{- define "waybill.faults.monitoring" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (include "waybill.serviceMonitor.wanted" .root) (include "waybill.podMonitor.wanted" .root)) "say" "podMonitor.enabled: with serviceMonitor.enabled too, every instance would be scraped twice: choose one") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (include "waybill.serviceMonitor.wanted" .root) (not $v.service.enabled)) "say" "service.enabled: a ServiceMonitor finds pods by their Service: enable it, or take podMonitor") -}}
{{- $wanted := or (include "waybill.serviceMonitor.wanted" .root) (include "waybill.podMonitor.wanted" .root) -}}
{{- $token := ($v.config.admin | default dict).token -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $token $v.admin.tokenSecret.name) "say" "config.admin.token: is made of admin.tokenSecret: leave it out") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $token $wanted (not $v.admin.tokenSecret.name)) "say" "config.admin.token: Prometheus would have to show it too, and every scrape be refused: give it as admin.tokenSecret instead") -}}
{{- $names := list -}}
{{- range (.root.Files.Get "files/waybill.rules.yaml" | fromYaml).groups -}}
{{- range .rules -}}
{{- $names = append $names .alert -}}
{{- end -}}
{{- end -}}
{{- range $v.prometheusRule.disabled -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (not (has . $names)) "say" (printf "prometheusRule.disabled: there is no alert '%s'" .)) -}}
{{- end -}}
{{- end -}}
