"""What clients ask of the gateway and servers answer, in all its kinds."""

from tests.golden.exchanges.faults import FAULTS
from tests.golden.exchanges.refused import REFUSED
from tests.golden.exchanges.streams import STREAMS
from tests.golden.exchanges.whole import WHOLE

TABLES = {"whole": WHOLE, "faults": FAULTS, "streams": STREAMS, "refused": REFUSED}
