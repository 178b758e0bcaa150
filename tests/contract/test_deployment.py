"""Image, compose file and manifests: safe by default, and they speak of settings that exist."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from app import __version__
from app.domain.topics import Topic
from app.settings import load, name_of, paths

ROOT: Final = Path(__file__).parents[2]
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
DOCKERFILE: Final = (ROOT / "deploy" / "Dockerfile").read_text()
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SETTINGS: Final = {name_of(path) for path in paths()}
ROLES: Final = ("worker", "api", "webhooks")


def manifests(folder: str) -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())
    files = [KUBERNETES / folder / name for name in kustomization["resources"]]
    return [
        made for file in files if file.is_file() for made in yaml.safe_load_all(file.read_text())
    ]


BASE: Final = manifests("base")
PRODUCTION: Final = manifests("production")
PODS: Final = [
    pytest.param(made["spec"]["template"]["spec"], id=made["metadata"]["name"])
    for made in BASE
    if made["kind"] in ("Deployment", "Job")
]


def one(kind: str, name: str, among: list[dict[str, Any]] = BASE) -> dict[str, Any]:
    (found,) = (m for m in among if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


def is_setting(variable: str) -> bool:
    return variable in SETTINGS or variable.removesuffix("_FILE") in SETTINGS


def test_images_are_named_by_their_full_version() -> None:
    images = [line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("FROM")]
    images += [service["image"] for service in COMPOSE["services"].values()]
    others = [image for image in images if image != "funnel-state-machine"]
    assert len(others) >= 4
    assert all(re.search(r":v?\d+\.\d+(\.\d+)?(-|$)", image) for image in others), others


def test_the_image_is_built_in_stages_and_runs_as_nobody() -> None:
    assert DOCKERFILE.count("FROM ") == 2
    assert "--require-hashes" in DOCKERFILE
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_containers_of_compose_can_do_little(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service.get("read_only") or name == "kafka", "Kafka's image writes its configuration"


def test_watching_is_a_profile_of_compose() -> None:
    watching = {n for n, s in COMPOSE["services"].items() if s.get("profiles") == ["observe"]}
    assert watching == {"prometheus", "grafana"}
    mounted = " ".join(
        volume for name in watching for volume in COMPOSE["services"][name]["volumes"]
    )
    files = re.findall(r"(?:^|\s)\./([^:]+):", mounted)
    assert files
    assert all((ROOT / file).exists() for file in files)


def test_every_role_runs_in_compose_and_is_scraped_there() -> None:
    asked = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yaml").read_text())
    (job,) = asked["scrape_configs"]
    ports = {name: each["port"] for each in job["dns_sd_configs"] for name in each["names"]}
    assert set(ROLES) <= COMPOSE["services"].keys()
    assert ports == {"worker": 8080, "webhooks": 8080, "api": 8081}


def test_settings_of_compose_exist() -> None:
    given = [
        name
        for service in COMPOSE["services"].values()
        for name in service.get("environment", {})
        if name.startswith("FUNNEL_")
    ]
    assert given
    assert all(map(is_setting, given))


@pytest.mark.parametrize("pod", PODS)
def test_pods_can_do_little(pod: dict[str, Any]) -> None:
    """As the namespace enforces: pod-security.kubernetes.io/enforce: restricted."""
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"]
    assert set(container["resources"]["limits"]) == {"memory"}, "throttled, it loses its membership"


@pytest.mark.parametrize("pod", PODS)
def test_secrets_come_as_files_and_none_is_here(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    config = one("ConfigMap", "funnel")["data"]
    variables = {each["name"]: each.get("value") for each in container["env"]} | config
    files = [value for name, value in variables.items() if name.endswith("_FILE")]
    assert len(files) >= 4
    assert all(str(Path(file).parent) in mounts for file in files)
    assert not any("password=" in str(value).lower() for value in variables.values())
    assert all(is_setting(name) for name in variables if name.startswith("FUNNEL_"))
    assert not any(made["kind"] == "Secret" for made in [*BASE, *PRODUCTION])


def test_what_pods_get_is_a_right_configuration(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("x")
    config = one("ConfigMap", "funnel")["data"]
    given = {
        name: str(file) if name.endswith("_FILE") else value
        for name, value in config.items()
        if name.startswith("FUNNEL_")
    }
    settings = load({**given, "FUNNEL_KAFKA__USERNAME": "funnel-worker"})
    assert settings.kafka.security_protocol == "SASL_SSL"
    assert settings.database.sslmode == "verify-full"


@pytest.mark.parametrize("role", ROLES)
def test_roles_are_probed_spread_and_rolled_out_side_by_side(role: str) -> None:
    spec = one("Deployment", role)["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"][0] == role
    (port,) = container["ports"]
    for probe, path in (("liveness", "/livez"), ("readiness", "/readyz"), ("startup", "/livez")):
        asked = container[f"{probe}Probe"]["httpGet"]
        assert asked == {"path": path, "port": port["name"]}
    keys = {spread["topologyKey"] for spread in pod["topologySpreadConstraints"]}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    labels = spec["template"]["metadata"]["labels"]
    budget = one("PodDisruptionBudget", role)["spec"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    settings = load({})
    assert pod["terminationGracePeriodSeconds"] > (
        settings.lane.drain_timeout_seconds + settings.lane.release_timeout_seconds
    )


@pytest.mark.parametrize("name", ["migrate", "topics"])
def test_schema_and_topics_come_before_the_roll_out(name: str) -> None:
    job = one("Job", name)
    assert job["metadata"]["labels"]["funnel/phase"] == "prepare"
    script = (KUBERNETES / "roll-out.sh").read_text()
    assert script.index(f"job/{name}") < script.index("rollout status")


def test_what_older_releases_need_is_taken_away_after_the_roll_out_by_a_person() -> None:
    job = one("Job", "finish")
    assert job["metadata"]["labels"]["funnel/phase"] == "finish"
    assert job["spec"]["suspend"] is True
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["migrate", "--finish"]
    roll_out, finish = ((KUBERNETES / f"{n}.sh").read_text() for n in ("roll-out", "finish"))
    assert re.search(r"delete job [a-z ]*finish", roll_out), "a job's image can't be changed"
    assert "job/finish" not in roll_out
    assert finish.index("rollout status") < finish.index("patch job finish")


def test_everything_is_refused_on_the_network_but_what_is_said() -> None:
    nothing = one("NetworkPolicy", "nothing")["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    receivers = one("NetworkPolicy", "receivers")["spec"]["egress"][0]["to"][0]["ipBlock"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "127.0.0.0/8"} <= set(receivers["except"])


def test_workers_are_as_many_as_the_lag_asks_for() -> None:
    scaled = one("ScaledObject", "worker", PRODUCTION)["spec"]
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"]["consumerGroup"] == load({}).kafka.group_id
    assert trigger["metadata"]["topic"].split(",") == [Topic.INTERACTIONS, Topic.COMMANDS]
    assert scaled["minReplicaCount"] >= 2
    assert scaled["maxReplicaCount"] <= 12, "partitions"


def test_manifests_are_what_the_api_server_takes() -> None:
    """`make manifests` installs both tools and runs this."""
    validation = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed: make manifests"
    )
    kustomize = shutil.which("kustomize")
    if kustomize is None:
        pytest.skip("kustomize is not installed: make manifests")
    built = subprocess.run(
        [kustomize, "build", KUBERNETES / "production"], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    made = list(yaml.safe_load_all(built.stdout))
    assert len(made) >= 19
    for each in made:
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "funnel"
        if not each["apiVersion"].startswith("keda.sh/"):
            validation.validate(each, "1.34", strict=True)


def test_a_process_knows_its_version_without_being_installed() -> None:
    """An image has the code, and no package's metadata."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__
