"""Write the JSON twins of the definitions: `python -m gridcompat.cluster.definitions`."""

from __future__ import annotations

import json

import yaml

from gridcompat.cluster import definitions


def main() -> None:
    """Rewrite NAME.json for each NAME.yaml."""
    for plural in definitions.CUSTOM:
        found = definitions.twin(yaml.safe_load(definitions.yaml_text(plural)))
        with open(f"{definitions.FOLDER}/{plural}.json", "w", encoding="utf-8") as file:
            file.write(json.dumps(found, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
