"""The ledger that a verb is given: a file, or the address of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattlas.errors import MachineError, UsageError, WattlasError

if TYPE_CHECKING:
    from wattlas.serve.ledger.journal import Store

LedgerArgument = Annotated[
    str, typer.Argument(help="The ledger's file, or postgresql://…, as serve.yaml names it.")
]


@contextmanager
def opened(ledger: str) -> Iterator[Store]:
    """The ledger, also while the service uses it. Raises UsageError where there is none,
    MachineError where it does not answer."""
    from wattlas.serve.extra import check_extra

    check_extra()
    from wattlas.serve.config import is_database
    from wattlas.serve.ledger.journal import is_away
    from wattlas.serve.run import store_at

    if not is_database(ledger) and not Path(ledger).is_file():
        raise UsageError(f"{ledger} is no ledger. Name the file that `wattlas serve` writes.")
    store = store_at(ledger, Path(ledger))
    try:
        yield store
    except WattlasError:
        raise
    except Exception as error:
        if not is_away(error):
            raise
        raise MachineError(f"the ledger does not answer ({error}). Try again.") from error
    finally:
        store.close()


def tenants_of(store: Store, named: list[str]) -> list[str]:
    """The tenants that are named, or all. Raises UsageError for one without rows."""
    known = store.tenants()
    for name in named:
        if name not in known:
            raise UsageError(f"`{name}` has no rows. Tenants that have: {', '.join(known)}.")
    return named or known
