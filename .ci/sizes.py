"""Size check: files stop at 400 lines, functions at 50 (docstrings not counted)."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
FOLDERS = ("hedger", "pricing", "tests", "benchmarks", ".ci")


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its signature to its end, without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def faults(path: Path) -> list[str]:
    """What is too long in one file."""
    text = path.read_text(encoding="utf-8")
    count = text.count("\n")
    found = [f"{path}: {count} lines, at most {FILE_LINES_MAX}"] if count > FILE_LINES_MAX else []
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = code_lines(node)
                if lines > FUNCTION_LINES_MAX:
                    found.append(
                        f"{path}:{node.lineno}: {node.name} has {lines} lines, "
                        f"at most {FUNCTION_LINES_MAX}"
                    )
    return found


def main(root: Path) -> int:
    """Print every fault; 1 if there is one."""
    paths = [
        p
        for folder in FOLDERS
        for pattern in ("*.py", "*.lua")
        for p in sorted((root / folder).rglob(pattern))
    ]
    found = [fault for path in paths for fault in faults(path)]
    print("\n".join(found) if found else f"sizes: {len(paths)} files fit")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
