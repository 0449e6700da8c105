"""`python -m scripts.reference`: writes all of it."""

from pathlib import Path

from scripts.reference import documents

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    written = {ROOT / name: text for name, text in documents().items()}
    for stale in set((ROOT / "docs" / "man").glob("*.md")) - written.keys():
        stale.unlink()
    for path, text in written.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
