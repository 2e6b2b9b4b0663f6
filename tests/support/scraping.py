"""Reading metrics as Prometheus does."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """What an operator showed at one moment."""

    def __init__(self, text: str) -> None:
        self.text = text
        families = [*text_string_to_metric_families(text)]
        self.samples = [it for family in families for it in family.samples]
        self.helps = {
            f"{it.name}_total" if it.type == "counter" else it.name: it.documentation
            for it in families
        }

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with a name and at least these labels."""
        return sum(
            it.value
            for it in self.samples
            if it.name == name and labels.items() <= it.labels.items()
        )


def scrape(port: int) -> Scrape:
    """Read the metrics at a port of this machine."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return Scrape(answer.read().decode())


def answers(port: int) -> bool:
    """Whether there are metrics at a port of this machine."""
    try:
        scrape(port)
    except OSError:
        return False
    return True
