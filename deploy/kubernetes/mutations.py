"""Breaks each point of the policy on purpose: mutations.py NAME RENDERED SECRETS

A check that finds nothing wrong says little unless it would have found something.
"""

import copy
import sys
from pathlib import Path

import policy
import yaml


def found(objects, kind, name):
    return next(thing for thing in objects if thing["kind"] == kind and thing["metadata"]["name"] == name)


def pod(objects, name="session-svc"):
    return found(objects, "Deployment", name)["spec"]["template"]["spec"]


def container(objects, name="session-svc"):
    return pod(objects, name)["containers"][0]


def opened(objects, name):
    found(objects, "NetworkPolicy", name)["spec"]["ingress"] = [{}]


def without(objects, kind, name):
    objects.remove(found(objects, kind, name))


MUTATIONS = {
    "root": lambda o: pod(o)["securityContext"].update(runAsUser=0),
    "no seccomp": lambda o: pod(o)["securityContext"].pop("seccompProfile"),
    "a token": lambda o: pod(o).update(automountServiceAccountToken=True),
    "the node's network": lambda o: pod(o).update(hostNetwork=True),
    "the node's files": lambda o: pod(o)["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "another's secrets": lambda o: pod(o)["volumes"][0]["secret"].update(secretName="identity-svc"),
    "a secret nobody makes": lambda o: pod(o)["volumes"][0]["secret"].update(secretName="x"),
    "privileges": lambda o: container(o)["securityContext"].update(allowPrivilegeEscalation=True),
    "a capability": lambda o: container(o)["securityContext"]["capabilities"].update(add=["NET_RAW"]),
    "a writable file system": lambda o: container(o)["securityContext"].update(readOnlyRootFilesystem=False),
    "no limit": lambda o: container(o)["resources"].pop("limits"),
    "no probe": lambda o: container(o).pop("readinessProbe"),
    "no pause": lambda o: container(o).pop("lifecycle"),
    "latest": lambda o: container(o).update(image="x:latest"),
    "a secret in a variable": lambda o: container(o)["env"].append({"name": "REDIS_URL", "value": "redis://:pw@r"}),
    "a misspelt field": lambda o: container(o).update(readynessProbe={}),
    "an open store": lambda o: opened(o, "redis"),
    "an open service": lambda o: opened(o, "from-gateway"),
    "no default": lambda o: without(o, "NetworkPolicy", "default-deny"),
    "no way to NATS": lambda o: without(o, "NetworkPolicy", "to-nats"),
    "a second door": lambda o: found(o, "Service", "session-svc")["spec"].update(type="NodePort"),
    "no TLS": lambda o: found(o, "Ingress", "gateway")["spec"].pop("tls"),
    "a checked-in secret": lambda o: o.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "stellar-auth"}}),
}


def main(name, rendered, secrets):
    objects = [thing for thing in yaml.safe_load_all(Path(rendered).read_text()) if thing]
    missed = []
    for title, mutate in MUTATIONS.items():
        broken = copy.deepcopy(objects)
        mutate(broken)
        try:
            if not policy.examine(name, broken, Path(secrets)):
                missed.append(title)
        except KeyError:
            pass  # what is missing is missed
    print(f"kubernetes: {name}: {len(MUTATIONS) - len(missed)} of {len(MUTATIONS)} mutations are found")
    for title in missed:
        print(f"kubernetes: {name}: nobody minds {title}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
