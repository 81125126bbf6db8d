"""What must be so of everything that we deploy: policy.py NAME RENDERED SECRETS [BINARIES]

RENDERED is the output of kustomize, SECRETS a folder as deploy/make-secrets writes it,
BINARIES where the services' programs are. Every breach is printed; any makes it fail.
"""

import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["gateway", "identity-svc", "session-svc", "mfa-svc", "mailer-svc"]
STORES = {"postgres": 5432, "redis": 6379, "nats": 4222}
# Who may open a connection to whom.
EDGES = {
    ("gateway", "identity-svc", 8080),
    ("gateway", "session-svc", 8080),
    ("gateway", "mfa-svc", 8080),
    ("gateway", "redis", 6379),
    ("session-svc", "redis", 6379),
    *((service, "postgres", 5432) for service in ["identity-svc", "session-svc", "mfa-svc"]),
    *((service, "nats", 4222) for service in SERVICES),
}
# What the operator adds to what deploy/make-secrets makes.
BY_OPERATOR = {("mailer-svc", "mail_transport_url")}
# Kinds of other people, whose schemas are not Kubernetes' own.
FOREIGN = {"PodMonitor", "PrometheusRule"}

breaches = []


def demand(holds, who, what):
    if not holds:
        breaches.append(f"{who}: {what}")


def name_of(thing):
    return f"{thing['kind']}/{thing['metadata']['name']}"


def workloads(objects):
    return [thing for thing in objects if thing["kind"] in ("Deployment", "StatefulSet")]


def labels_of(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def check_schema(thing):
    if thing["kind"] in FOREIGN:
        return
    try:
        kubernetes_validate.validate(thing, "1.37.0", strict=True)
    except kubernetes_validate.ValidationError as error:
        demand(False, name_of(thing), f"is not as Kubernetes has it: {error.message} at {list(error.path)}")


def check_pod(workload):
    who, pod = name_of(workload), workload["spec"]["template"]["spec"]
    security = pod.get("securityContext", {})
    demand(security.get("runAsNonRoot") is True and security.get("runAsUser", 0) > 0, who, "may run as root")
    demand(security.get("seccompProfile") == {"type": "RuntimeDefault"}, who, "has no seccomp profile")
    demand(pod.get("automountServiceAccountToken") is False, who, "has a token of the API server")
    demand(pod.get("enableServiceLinks") is False, who, "is told of Services by variables")
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        demand(not pod.get(name), who, f"has {name}")
    demand(not pod.get("initContainers"), who, "has containers that are not looked at here")
    for volume in pod.get("volumes", []):
        kind = next(key for key in volume if key != "name")
        demand(kind in ("secret", "configMap", "projected", "emptyDir"), who, f"mounts a {kind}")
    for container in pod["containers"]:
        check_container(who, container)


def check_container(who, container):
    security = container.get("securityContext", {})
    demand(security.get("allowPrivilegeEscalation") is False, who, "may gain privileges")
    demand(security.get("readOnlyRootFilesystem") is True, who, "writes to its file system")
    demand(security.get("capabilities") == {"drop": ["ALL"]}, who, "keeps capabilities")
    demand(not security.get("privileged") and "runAsUser" not in security, who, "overrides its pod's user")
    resources = container.get("resources", {})
    demand({"cpu", "memory"} <= set(resources.get("requests", {})), who, "does not say what it needs")
    demand("memory" in resources.get("limits", {}), who, "has no limit of memory")
    for probe in ("readinessProbe", "livenessProbe"):
        demand(probe in container, who, f"has no {probe}")
    tag = container["image"].rpartition(":")[2]
    demand(re.fullmatch(r"v?\d[\w.-]*", tag) is not None, who, f"runs {container['image']}, whatever that is today")
    for variable in container.get("env", []):
        demand("valueFrom" not in variable, who, f"{variable['name']} comes from elsewhere; secrets are files")
        looks_secret = re.search(r"(SECRET|PASSWORD|KEY|TOKEN|_URL)$", variable["name"])
        demand(not looks_secret, who, f"{variable['name']} is a variable; secrets are files")
    for mount in container.get("volumeMounts", []):
        if mount["mountPath"].startswith(("/run/secrets", "/etc")):
            demand(mount.get("readOnly") is True, who, f"may write to {mount['mountPath']}")


def check_service(workload, objects, production):
    who, spec = name_of(workload), workload["spec"]
    pod, name = spec["template"]["spec"], workload["metadata"]["name"]
    container = pod["containers"][0]
    demand("startupProbe" in container, who, "has no startupProbe")
    demand(spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, who, "has fewer replicas during a change")
    demand("replicas" not in spec, who, "says how many there are, which is the autoscaler's business")
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    demand(pause >= 10, who, "stops before those who send to it know")
    demand(pod["terminationGracePeriodSeconds"] >= pause + 15, who, "is killed before it has finished")
    keys = {spread["topologyKey"] for spread in pod["topologySpreadConstraints"]}
    demand(keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}, who, f"is spread over {keys}")
    accounts = {thing["metadata"]["name"] for thing in objects if thing["kind"] == "ServiceAccount"}
    demand(pod["serviceAccountName"] == name in accounts, who, "has no account of its own")
    if production:
        scaled = [t for t in objects if t["kind"] == "HorizontalPodAutoscaler" and t["spec"]["scaleTargetRef"]["name"] == name]
        demand(len(scaled) == 1 and scaled[0]["spec"]["minReplicas"] >= 2, who, "is not scaled from two up")
        kept = [t for t in objects if t["kind"] == "PodDisruptionBudget" and t["metadata"]["name"] == name]
        demand(len(kept) == 1 and selects(kept[0]["spec"]["selector"], labels_of(workload)), who, "has no budget")


def check_references(workload, objects, secrets):
    """Every Secret is made by deploy/make-secrets, every file in it too, and every ConfigMap is here."""
    who, pod = name_of(workload), workload["spec"]["template"]["spec"]
    configs = {thing["metadata"]["name"] for thing in objects if thing["kind"] == "ConfigMap"}
    accounts = {thing["metadata"]["name"] for thing in objects if thing["kind"] == "ServiceAccount"}
    demand(pod.get("serviceAccountName", "default") in accounts | {"default"}, who, "has an account that is not there")
    sources = []
    for volume in pod.get("volumes", []):
        sources += volume.get("projected", {}).get("sources", [volume])
    for container in pod["containers"]:
        sources += [{"configMap": source["configMapRef"]} for source in container.get("envFrom", []) if "configMapRef" in source]
        demand(not any("secretRef" in source for source in container.get("envFrom", [])), who, "has secrets as variables")
    for source in sources:
        if "configMap" in source:
            demand(source["configMap"]["name"] in configs, who, f"needs ConfigMap {source['configMap']['name']}")
        if "secret" in source:
            name = source["secret"].get("secretName") or source["secret"]["name"]
            demand((secrets / name).is_dir(), who, f"needs Secret {name}, which nobody makes")
            demand(name == workload["metadata"]["name"], who, f"reads the secrets of {name}")
    for variable in pod["containers"][0].get("env", []):
        if variable.get("value", "").startswith("/run/secrets/"):
            folder, file = workload["metadata"]["name"], Path(variable["value"]).name
            made = (secrets / folder / file).is_file() or (folder, file) in BY_OPERATOR
            demand(made, who, f"{variable['name']} names {file}, which nobody makes")


def check_variables(workload, objects, binaries):
    name = workload["metadata"]["name"]
    told = subprocess.run([binaries / name, "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  ([A-Z_]+) ", told, re.M))
    container = workload["spec"]["template"]["spec"]["containers"][0]
    for variable in container["env"]:
        names = {variable["name"], variable["name"].removesuffix("_FILE")}
        demand(names & known, name, f"does not know {variable['name']}")
    if name == "gateway":
        refs = [source["configMapRef"]["name"] for source in container["envFrom"]]
        given = {key for t in objects if t["kind"] == "ConfigMap" and t["metadata"]["name"] in refs for key in t["data"]}
        demand(given <= known, name, f"does not know {given - known}")


def selects(selector, labels):
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In", rule
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


class Network:
    """Who reaches whom, as the NetworkPolicies have it."""

    def __init__(self, objects):
        self.policies = [thing["spec"] for thing in objects if thing["kind"] == "NetworkPolicy"]
        self.pods = {workload["metadata"]["name"]: workload for workload in workloads(objects)}

    def port_of(self, pod, port):
        """A port by its name is the pod's own of that name."""
        if isinstance(port, int):
            return port
        containers = self.pods[pod]["spec"]["template"]["spec"]["containers"]
        return next((p["containerPort"] for c in containers for p in c["ports"] if p["name"] == port), None)

    def allows(self, direction, pod, peer, target, port):
        """`peer` is a pod, or None for anybody outside."""
        labels = labels_of(self.pods[pod])
        own = [p for p in self.policies if direction.title() in p["policyTypes"] and selects(p["podSelector"], labels)]
        if not own:
            return True
        rules = [rule for policy in own for rule in policy.get(direction, [])]
        return any(self.matches(rule, direction, peer, target, port) for rule in rules)

    def matches(self, rule, direction, peer, target, port):
        ports = rule.get("ports")
        if ports is not None and port not in [self.port_of(target, p["port"]) for p in ports]:
            return False
        peers = rule.get("from" if direction == "ingress" else "to")
        if peers is None:
            return True
        return any(self.is_peer(allowed, peer) for allowed in peers)

    def is_peer(self, allowed, peer):
        if peer is None:
            return False
        if "ipBlock" in allowed:
            return False
        namespace = allowed.get("namespaceSelector")
        if namespace is not None and namespace != {}:
            return False
        return selects(allowed.get("podSelector", {}), labels_of(self.pods[peer]))

    def edges(self):
        ports = {**{service: [8080, 9090] for service in SERVICES}, **{store: [port] for store, port in STORES.items()}}
        ports["nats"] = [4222, 8222]
        found = set()
        for source in self.pods:
            for target in self.pods:
                for port in ports[target]:
                    out = self.allows("egress", source, target, target, port)
                    if source != target and out and self.allows("ingress", target, source, target, port):
                        found.add((source, target, port))
        return found

    def check(self):
        expected = {edge for edge in EDGES if edge[0] in self.pods and edge[1] in self.pods}
        for edge in self.edges() - expected:
            demand(False, "network", f"{edge[0]} reaches {edge[1]}:{edge[2]} and has no need to")
        for edge in expected - self.edges():
            demand(False, "network", f"{edge[0]} does not reach {edge[1]}:{edge[2]}")
        for pod in self.pods:
            for kind in ("Ingress", "Egress"):
                closed = any(p["podSelector"] == {} and kind in p["policyTypes"] and not p.get(kind.lower()) for p in self.policies)
                demand(closed, "network", f"{kind} of {pod} is open by default")
            for port in (8080, 9090, *STORES.values()):
                open_to_all = self.allows("ingress", pod, None, pod, port)
                demand(not open_to_all or (pod, port) == ("gateway", 8080), "network", f"everybody reaches {pod}:{port}")


def check_doors(objects):
    for thing in objects:
        if thing["kind"] == "Service":
            demand(thing["spec"].get("type", "ClusterIP") == "ClusterIP", name_of(thing), "is reached from outside")
        if thing["kind"] == "Ingress":
            backends = [path["backend"]["service"]["name"] for rule in thing["spec"]["rules"] for path in rule["http"]["paths"]]
            demand(set(backends) == {"gateway"}, name_of(thing), f"leads to {backends}")
            hosts = {rule["host"] for rule in thing["spec"]["rules"]}
            secured = {host for tls in thing["spec"].get("tls", []) for host in tls["hosts"]}
            demand(hosts <= secured, name_of(thing), "is reached without TLS")
        demand(thing["kind"] != "Secret", name_of(thing), "is checked in")
        if thing["kind"] == "Namespace":
            enforced = thing["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
            demand(enforced == "restricted", name_of(thing), "does not enforce the restricted standard")
        elif thing["kind"] not in ("Namespace",):
            demand(thing["metadata"].get("namespace") == "stellar-auth", name_of(thing), "is in no namespace of ours")


def check_alerts(objects):
    sources = [path for path in ROOT.glob("**/src/**/*.rs") if "target" not in path.parts and "node_modules" not in path.parts]
    code = "\n".join(path.read_text() for path in sources)
    for rule in (r for t in objects if t["kind"] == "PrometheusRule" for g in t["spec"]["groups"] for r in g["rules"]):
        for metric in re.findall(r"([a-z_]+)(?=\{)", rule["expr"]):
            base = re.sub(r"_(total|bucket|count|sum|info)$", "", metric)
            demand(f'"{base}"' in code, rule["alert"], f"there is no metric {metric}")
        demand({"summary"} <= set(rule["annotations"]) and "severity" in rule["labels"], rule["alert"], "says too little")
        guide = (ROOT / "docs/operations.md").read_text()
        demand(rule["alert"] in guide, rule["alert"], "is not in docs/operations.md")


def examine(name, objects, secrets, binaries=None):
    """Every breach."""
    breaches.clear()
    for thing in objects:
        check_schema(thing)
    for workload in workloads(objects):
        check_pod(workload)
        check_references(workload, objects, secrets)
    ours = [workload for workload in workloads(objects) if workload["metadata"]["name"] in SERVICES]
    demand(len(ours) == len(SERVICES), name, "does not deploy every service")
    for workload in ours:
        check_service(workload, objects, name == "production")
        if binaries:
            check_variables(workload, objects, binaries)
    Network(objects).check()
    check_doors(objects)
    check_alerts(objects)
    return breaches


def main(name, rendered, secrets, binaries=""):
    objects = [thing for thing in yaml.safe_load_all(Path(rendered).read_text()) if thing]
    examine(name, objects, Path(secrets), Path(binaries) if binaries else None)
    for breach in breaches:
        print(f"kubernetes: {name}: {breach}", file=sys.stderr)
    if not breaches:
        print(f"kubernetes: {name}: {len(objects)} objects are as they should be")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
