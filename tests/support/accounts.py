"""Service accounts, so that the audit log tells one operator from another."""

from pathlib import Path

import yaml

from tests.cluster.controlplane import ControlPlane

NAMESPACE = "accounts"


def account(plane: ControlPlane, name: str, role: str, folder: Path) -> tuple[str, Path]:
    """Make an account with a cluster role; returns its user name and a kubeconfig for it."""
    for command in (
        ("create", "namespace", NAMESPACE),
        ("create", "serviceaccount", name, "-n", NAMESPACE),
        (
            *("create", "clusterrolebinding", f"{NAMESPACE}-{name}"),
            *(f"--clusterrole={role}", f"--serviceaccount={NAMESPACE}:{name}"),
        ),
    ):
        plane.kubectl(*command, check=False)  # there may be one from before
    path = folder / f"{name}.kubeconfig"
    path.write_text(kubeconfig_with_token(plane, name, NAMESPACE))
    return f"system:serviceaccount:{NAMESPACE}:{name}", path


def kubeconfig_with_token(plane: ControlPlane, account: str, namespace: str) -> str:
    """A kubeconfig for a service account."""
    config = yaml.safe_load(plane.kubeconfig.read_text())
    token = plane.kubectl("create", "token", account, "-n", namespace).strip()
    config["users"][0]["user"] = {"token": token}
    return yaml.safe_dump(config)
