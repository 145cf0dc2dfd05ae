"""Drug orders of a clinical record, checked before they are signed: FHIR R4 in, cards out.

No model is asked, so none can take a card away. What could not be read or judged is said on a card.
"""

from medtune.clinical.orders.card import SERVICES, order_cards
from medtune.clinical.orders.request import REQUIRED

__all__ = ["REQUIRED", "SERVICES", "order_cards"]
