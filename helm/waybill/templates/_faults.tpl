{{- /*
Values that cannot work are refused before any object is created, all of them at once.

Each part appends to (index . "list") of the dict that it is given as "faults".
*/ -}}

{{- /* waybill.faults.add (dict "faults" F "if" BOOLEAN "say" TEXT) */ -}}
{{- define "waybill.faults.add" -}}
{{- if .if -}}
{{- $_ := set .faults "list" (append .faults.list .say) -}}
{{- end -}}
{{- end -}}

{{- /* Values that operators know from other charts. Without this, they would read only that
       the schema does not permit the key. */ -}}
{{- define "waybill.faults.names" -}}
{{- $f := .faults -}}
{{- $v := .root.Values -}}
{{- range $name, $advice := .root.Files.Get "files/other-names.json" | fromJson -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (hasKey $v $name) "say" (printf "%s: this chart has no such value: %s" $name $advice)) -}}
{{- end -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (not $v.enabled) "say" "enabled: false has an effect only if the parent chart's dependency has `condition: waybill.enabled`: add that, or do not install this chart") -}}
{{- end -}}

{{- /* Looks for secrets in a mapping, a list or a single value: dict "node" "path" "key" "tree"
       "faults". The tree is the part of files/secrets.json for the node. A source's value is
       no secret if it is bound to the username. */ -}}
{{- define "waybill.faults.walk" -}}
{{- $at := . -}}
{{- $tree := .tree | default dict -}}
{{- if kindIs "map" .node -}}
{{- range $key, $value := .node -}}
{{- $child := get ($tree.keys | default dict) $key | default $tree.any | default dict -}}
{{- if and (eq $key "value") (eq (get $at.node "binding" | toString) "username") -}}
{{- $child = dict -}}
{{- end -}}
{{- include "waybill.faults.walk" (dict "node" $value "path" (printf "%s.%s" $at.path $key) "key" $key "tree" $child "faults" $at.faults) -}}
{{- end -}}
{{- else if kindIs "slice" .node -}}
{{- range $i, $value := .node -}}
{{- include "waybill.faults.walk" (dict "node" $value "path" (printf "%s[%d]" $at.path $i) "key" $at.key "tree" $tree.items "faults" $at.faults) -}}
{{- end -}}
{{- else if not (kindIs "invalid" .node) -}}
{{- include "waybill.faults.text" (dict "node" .node "path" .path "key" .key "kind" ($tree.kind | default "") "where" "everybody who may read ConfigMaps" "faults" .faults) -}}
{{- end -}}
{{- end -}}

{{- /* dict "node" "path" "key" "kind" "where" "faults" */ -}}
{{- define "waybill.faults.text" -}}
{{- $text := toString .node -}}
{{- $rest := regexReplaceAll "\\$\\{(env|file):[^}]+\\}" $text "" -}}
{{- $kind := .kind -}}
{{- if and (eq $kind "") (regexMatch "(?i)(^|[._-])(password|passwd|passphrase|secret|token|credentials?|jaas\\.config|key\\.pem)$" .key) -}}
{{- $kind = "value" -}}
{{- end -}}
{{- /* `Authorization: Bearer ${env:TOKEN}`, and headers that are no secrets */ -}}
{{- if eq $kind "header" -}}
{{- $scheme := and (ne $rest $text) (regexMatch "^[A-Za-z-]{1,16} $" $rest) -}}
{{- $kind = ternary "" "value" (or $scheme (regexMatch "(?i)^(content-type|accept|user-agent)$" .key)) -}}
{{- end -}}
{{- /* Other text may contain words: `Issuer: O = House, emailAddress = pki@example.com` */ -}}
{{- $blank := ternary "" "\\s" (eq $kind "url") -}}
{{- if and (eq $kind "value") (ne $rest "") -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a secret in plain text") -}}
{{- else if regexMatch "-----BEGIN [A-Z0-9 ]*PRIVATE KEY" $text -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a private key") -}}
{{- else if regexMatch (printf "^([A-Za-z][A-Za-z0-9+.-]*://)?[^/@:%s]*:[^/@%s]+@" $blank $blank) $rest -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a password in an address") -}}
{{- else if regexMatch "\\b(gh[pousr]_[A-Za-z0-9]{20}|github_pat_[A-Za-z0-9_]{20}|glpat-[A-Za-z0-9_-]{16}|dckr_pat_[A-Za-z0-9_-]{16}|AKIA[A-Z0-9]{16}|whsec_[A-Za-z0-9+/=]{24}|eyJ[A-Za-z0-9_-]{10,}\\.eyJ)" $text -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a token") -}}
{{- else if regexMatch "\"(auth|identitytoken|registrytoken|password)\"\\s*:\\s*\"[^\"]" $text -}}
{{- include "waybill.faults.say" (dict "at" . "what" "a docker config with credentials") -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.say" -}}
{{- $fault := printf "%s: holds %s, which %s would see: put it into a Secret and write ${file:/run/secrets/waybill/KEY} (existingSecret), ${file:/run/secrets/NAME/KEY} (secretMounts) or ${env:NAME} (extraEnv)" .at.path .what .at.where -}}
{{- if hasPrefix "extraEnv" .at.path -}}
{{- $fault = printf "%s holds %s, which %s would see: use valueFrom.secretKeyRef" .at.path .what .at.where -}}
{{- end -}}
{{- $_ := set .at.faults "list" (append .at.faults.list $fault) -}}
{{- end -}}

{{- /* What is a secret for one integration need not be one for another, so registrations and
       attachments are looked at by the integration that they belong to. */ -}}
{{- define "waybill.faults.secrets" -}}
{{- $f := .faults -}}
{{- $v := .root.Values -}}
{{- $secrets := .root.Files.Get "files/secrets.json" | fromJson -}}
{{- $sections := omit $v.config "registrations" "attachments" -}}
{{- include "waybill.faults.walk" (dict "node" $sections "path" "config" "key" "" "tree" $secrets.sections "faults" $f) -}}
{{- $integrations := dict -}}
{{- $variables := dict -}}
{{- range $i, $one := $v.config.registrations -}}
{{- $name := $one.name | default "" | toString -}}
{{- $integration := $one.integration | default $secrets.usual -}}
{{- $tree := get $secrets.registrations $integration -}}
{{- $_ := set $integrations $name $integration -}}
{{- range $key, $child := $tree.keys -}}
{{- $_ := set $variables (printf "WAYBILL_%s_%s" $name $key | upper | replace "-" "_" | replace "." "_") ($child.kind | default "") -}}
{{- end -}}
{{- include "waybill.faults.walk" (dict "node" $one "path" (printf "config.registrations[%d]" $i) "key" "" "tree" $tree "faults" $f) -}}
{{- end -}}
{{- range $i, $one := $v.config.attachments -}}
{{- $integration := get $integrations ($one.registration | default "" | toString) | default $secrets.usual -}}
{{- include "waybill.faults.walk" (dict "node" $one "path" (printf "config.attachments[%d]" $i) "key" "" "tree" (get $secrets.attachments $integration) "faults" $f) -}}
{{- end -}}
{{- include "waybill.faults.walk" (dict "node" $v.configFiles "path" "configFiles" "key" "" "tree" dict "faults" $f) -}}
{{- include "waybill.faults.walk" (dict "node" $v.keda.metadata "path" "keda.metadata" "key" "" "tree" dict "faults" $f) -}}
{{- range $v.extraEnv -}}
{{- $value := regexReplaceAll "\\$\\([A-Za-z_][A-Za-z0-9_]*\\)" (.value | default "" | toString) "" -}}
{{- $kind := get $variables (upper .name) -}}
{{- if regexMatch "(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|ACCESS_KEY|API_KEY|PRIVATE_KEY)$" .name -}}
{{- $kind = "value" -}}
{{- end -}}
{{- include "waybill.faults.text" (dict "node" $value "path" (printf "extraEnv: %s" .name) "key" "" "kind" $kind "where" "everybody who may read Pods" "faults" $f) -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.config" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- $given := not (empty $v.config) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (not $given) (not $v.existingConfigMap)) "say" "config: is empty: name the brokers, registrations and attachments (kafka, registrations, attachments), or an existingConfigMap") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $given $v.existingConfigMap) "say" "existingConfigMap: is set together with config, and only one of them can be the configuration") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $v.existingConfigMap $v.configFiles) "say" "configFiles: belong to the chart's own ConfigMap: add them to existingConfigMap") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (hasKey $v.configFiles "config.yaml") "say" "configFiles: config.yaml is made from config") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (hasKey ($v.config.admin | default dict) "listen") "say" "config.admin.listen: probes and monitors need the port: set admin.port and admin.address") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $given (not $v.config.kafka)) "say" "config.kafka: is missing, and `waybill run` reads from Kafka") -}}
{{- include "waybill.faults.references" . -}}
{{- end -}}

{{- /* A configuration that the program would refuse at its start, with pods that restart again
       and again: what the schema of config cannot express */ -}}
{{- define "waybill.faults.references" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- $names := list -}}
{{- range $i, $one := $v.config.registrations -}}
{{- $name := $one.name | default "" | toString -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (has $name $names) "say" (printf "config.registrations[%d].name: '%s' is the name of another registration" $i $name)) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- $attachments := list -}}
{{- range $i, $one := $v.config.attachments -}}
{{- $name := $one.registration | default "" | toString -}}
{{- $unknown := and (not (has $name $names)) (not (contains "${" (join " " (append $names $name)))) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" $unknown "say" (printf "config.attachments[%d].registration: there is no registration '%s'" $i $name)) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $one.name (has $one.name $attachments)) "say" (printf "config.attachments[%d].name: '%v' is the name of another attachment" $i $one.name)) -}}
{{- $attachments = append $attachments $one.name -}}
{{- end -}}
{{- $topics := list -}}
{{- $given := (($v.config.kafka | default dict).topics) | default dict -}}
{{- range $key, $usual := dict "attestations" "attestations" "replays" "attestation-replays" "outcomes" "attestation-outcomes" "dead_letters" "attestation-dead-letters" -}}
{{- $topic := get $given $key | default $usual | toString -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (has $topic $topics) "say" (printf "config.kafka.topics.%s: '%s' is another of the four topics, too" $key $topic)) -}}
{{- $topics = append $topics $topic -}}
{{- end -}}
{{- end -}}

{{- /* waybill.names (dict "of" LIST "key" KEY): that key of each, as JSON */ -}}
{{- define "waybill.names" -}}
{{- $at := . -}}
{{- $names := list -}}
{{- range .of -}}
{{- $names = append $names (get . $at.key) -}}
{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{- /* dict "faults" "what" "names" LIST "taken" LIST: each name once, and none of the chart's */ -}}
{{- define "waybill.faults.unique" -}}
{{- $at := . -}}
{{- $seen := list -}}
{{- range .names -}}
{{- include "waybill.faults.add" (dict "faults" $at.faults "if" (has . $at.taken) "say" (printf "%s: %s is set by the chart%s" $at.what . ($at.hint | default ""))) -}}
{{- include "waybill.faults.add" (dict "faults" $at.faults "if" (has . $seen) "say" (printf "%s: %s is set twice" $at.what .)) -}}
{{- $seen = append $seen . -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.workload" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- $stateful := eq $v.kind "StatefulSet" -}}
{{- range $id := list "transactional_id" "instance_id" -}}
{{- $value := get ($v.config.kafka | default dict) $id | toString -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $value $stateful) "say" (printf "config.kafka.%s: is made from the name of each pod in a StatefulSet: remove it" $id)) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $value (not $stateful) (not (contains "${" $value))) "say" (printf "config.kafka.%s: all pods would have the same and fence each other: remove it, or use kind: StatefulSet" $id)) -}}
{{- range $v.extraEnv -}}
{{- $shared := and (eq .name (printf "WAYBILL_KAFKA_%s" (upper $id))) .value (not (contains "$(" (toString .value))) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $shared (not $stateful)) "say" (printf "extraEnv: %s: all pods would have the same and fence each other: remove it, or use kind: StatefulSet" .name)) -}}
{{- end -}}
{{- end -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $stateful (not $v.service.enabled)) "say" "service.enabled: a StatefulSet needs its Service") -}}
{{- $drain := include "waybill.drain" .root -}}
{{- $grace := include "waybill.grace" .root | int64 -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $drain (le $grace (int64 $drain))) "say" (printf "terminationGracePeriodSeconds: %d s is not more than config.delivery.drain (%s s): pods would be killed while they finish deliveries" $grace $drain)) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $v.config (not $drain) (not $v.existingConfigMap) (kindIs "invalid" $v.terminationGracePeriodSeconds)) "say" "terminationGracePeriodSeconds: config.delivery.drain is not a plain duration: set how long a pod may take to stop") -}}
{{- include "waybill.faults.pod" . -}}
{{- end -}}

{{- define "waybill.faults.pod" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- $mounts := list -}}
{{- $volumes := list "config" "secret" "admin-tls" "admin-token" -}}
{{- range $v.secretMounts -}}
{{- $mounts = append $mounts .name -}}
{{- $volumes = append $volumes (printf "secret-%s" .name) -}}
{{- end -}}
{{- include "waybill.faults.unique" (dict "faults" $f "what" "secretMounts" "names" $mounts "taken" (list "waybill" "waybill-admin-tls" "waybill-admin-token")) -}}
{{- include "waybill.faults.unique" (dict "faults" $f "what" "extraVolumes" "names" (include "waybill.names" (dict "of" $v.extraVolumes "key" "name") | fromJsonArray) "taken" $volumes) -}}
{{- $paths := list "/etc/waybill" "/run/secrets/waybill" "/run/secrets/waybill-admin-tls" "/run/secrets/waybill-admin-token" -}}
{{- range $mounts -}}
{{- $paths = append $paths (printf "/run/secrets/%s" .) -}}
{{- end -}}
{{- include "waybill.faults.unique" (dict "faults" $f "what" "extraVolumeMounts" "names" (include "waybill.names" (dict "of" $v.extraVolumeMounts "key" "mountPath") | fromJsonArray) "taken" $paths) -}}
{{- $variables := list "WAYBILL_ADMIN_LISTEN" "WAYBILL_ADMIN_TLS_CERTIFICATE" "WAYBILL_ADMIN_TLS_KEY" "POD_NAME" "WAYBILL_KAFKA_INSTANCE_ID" "WAYBILL_KAFKA_TRANSACTIONAL_ID" -}}
{{- if ne $v.kind "StatefulSet" -}}
{{- $variables = slice $variables 0 3 -}}
{{- end -}}
{{- include "waybill.faults.unique" (dict "faults" $f "what" "extraEnv" "names" (include "waybill.names" (dict "of" $v.extraEnv "key" "name") | fromJsonArray) "taken" $variables "hint" ": use admin.port, admin.address, admin.tlsSecret, or statefulSet.idPrefix") -}}
{{- $containers := concat $v.extraContainers $v.initContainers -}}
{{- include "waybill.faults.unique" (dict "faults" $f "what" "extraContainers and initContainers" "names" (include "waybill.names" (dict "of" $containers "key" "name") | fromJsonArray) "taken" (list "waybill")) -}}
{{- $root := eq (get $v.securityContext "runAsUser" | default (get $v.podSecurityContext "runAsUser") | default 65532 | toString) "0" -}}
{{- $zero := or (and (hasKey $v.podSecurityContext "runAsUser") (eq (int64 $v.podSecurityContext.runAsUser) 0)) (and (hasKey $v.securityContext "runAsUser") (eq (int64 $v.securityContext.runAsUser) 0)) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (or $root $zero) $v.podSecurityContext.runAsNonRoot) "say" "podSecurityContext.runAsUser: is 0, which runAsNonRoot forbids: the kubelet would never start the pod") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (eq $v.dnsPolicy "None") (not $v.dnsConfig.nameservers)) "say" "dnsPolicy: None needs dnsConfig.nameservers") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (eq $v.service.ipFamilyPolicy "SingleStack") (gt (len $v.service.ipFamilies) 1)) "say" "service.ipFamilies: SingleStack permits only one IP family") -}}
{{- include "waybill.faults.memory" . -}}
{{- end -}}

{{- /* waybill.bytes: a size of config.yaml or a quantity of Kubernetes; empty if it is neither */ -}}
{{- define "waybill.bytes" -}}
{{- $text := toString . -}}
{{- if regexMatch "^[0-9.e+]+$" $text -}}
{{- . | float64 | int64 -}}
{{- else if regexMatch "^[0-9]{1,9}(Ki|Mi|Gi|Ti|k|M|G|T)B?$" $text -}}
{{- $unit := regexFind "[A-Za-z]+$" $text | trimSuffix "B" -}}
{{- $size := get (dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000) $unit -}}
{{- mul (regexFind "^[0-9]+" $text | int64) $size -}}
{{- end -}}
{{- end -}}

{{- /* The kernel kills a container that exceeds its limit, and the next one does the same. */ -}}
{{- define "waybill.faults.memory" -}}
{{- $v := .root.Values -}}
{{- $limit := ($v.resources.limits | default dict).memory -}}
{{- $cap := ($v.config.delivery | default dict).max_bytes -}}
{{- if and $limit $cap -}}
{{- $limited := include "waybill.bytes" $limit -}}
{{- $capped := include "waybill.bytes" $cap -}}
{{- $small := and $limited $capped (lt (int64 $limited) (add (int64 $capped) 67108864)) -}}
{{- include "waybill.faults.add" (dict "faults" .faults "if" $small "say" (printf "resources.limits.memory: %v is less than config.delivery.max_bytes (%v) and 64 MiB for the program itself: the kernel would kill pods under load" $limit $cap)) -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.scale" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- if not (kindIs "invalid" $v.partitions) -}}
{{- $most := int64 $v.partitions -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (not $v.keda.enabled) (gt (int64 $v.replicas) $most)) "say" (printf "replicas: %d pods, and the topic has only %d partitions: the other pods would remain idle" (int64 $v.replicas) $most)) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $v.keda.enabled (gt (int64 $v.keda.maxReplicas) $most)) "say" (printf "keda.maxReplicas: %d pods, and the topic has only %d partitions: the other pods would remain idle" (int64 $v.keda.maxReplicas) $most)) -}}
{{- end -}}
{{- if $v.keda.enabled -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (gt (int64 $v.keda.minReplicas) (int64 $v.keda.maxReplicas)) "say" "keda.minReplicas: is greater than keda.maxReplicas") -}}
{{- range $key, $value := include "waybill.keda.source" .root | fromYaml -}}
{{- $bad := or (not $value) (contains "${" $value) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" $bad "say" (printf "keda.%s: KEDA needs it, and config does not contain it in plain text" $key)) -}}
{{- end -}}
{{- $sasl := contains "SASL" (get (($v.config.kafka | default dict).properties | default dict) "security.protocol" | toString | upper) -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $sasl (not $v.keda.authentication)) "say" "keda.authentication: the brokers require SASL, and KEDA must log in, too: name the keys of the Secret (username, password)") -}}
{{- include "waybill.faults.keda.tls" . -}}
{{- end -}}
{{- end -}}

{{- /* KEDA cannot read the files of pods. It has the system's certificate authorities, too. */ -}}
{{- define "waybill.faults.keda.tls" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- $properties := ($v.config.kafka | default dict).properties | default dict -}}
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
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $tls $own (not $unsafe) (not (has $parameter $has))) "say" (printf "keda.authentication: config.kafka.properties has %s, and KEDA needs it, too: name the key of the Secret as parameter %s" $property $parameter)) -}}
{{- end -}}
{{- end -}}

{{- define "waybill.faults.network" -}}
{{- $v := .root.Values.networkPolicy -}}
{{- $ports := include "waybill.brokerPorts" .root -}}
{{- $unknown := or (eq $ports "[]") (regexMatch "\\b0\\b" $ports) -}}
{{- include "waybill.faults.add" (dict "faults" .faults "if" (and $v.enabled $unknown) "say" "networkPolicy.brokerPorts: list the ports of the brokers, which config does not contain in plain text") -}}
{{- end -}}

{{- define "waybill.faults.monitoring" -}}
{{- $v := .root.Values -}}
{{- $f := .faults -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (include "waybill.serviceMonitor.wanted" .root) (include "waybill.podMonitor.wanted" .root)) "say" "podMonitor.enabled: with serviceMonitor.enabled too, every pod would be scraped twice: choose one") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and (include "waybill.serviceMonitor.wanted" .root) (not $v.service.enabled)) "say" "service.enabled: a ServiceMonitor finds pods by their Service: enable it, or use podMonitor") -}}
{{- $wanted := or (include "waybill.serviceMonitor.wanted" .root) (include "waybill.podMonitor.wanted" .root) -}}
{{- $token := ($v.config.admin | default dict).token -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $token $v.admin.tokenSecret.name) "say" "config.admin.token: is made from admin.tokenSecret: remove it") -}}
{{- include "waybill.faults.add" (dict "faults" $f "if" (and $token $wanted (not $v.admin.tokenSecret.name)) "say" "config.admin.token: Prometheus would need it, too, and every scrape would be refused: use admin.tokenSecret instead") -}}
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
