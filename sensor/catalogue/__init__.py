"""The endpoint map: which APIs the calls went to, found from traffic alone, and compared with what was declared."""

from sensor.catalogue.catalogue import Catalogue, CatalogueLimits, Endpoint

__all__ = ["Catalogue", "CatalogueLimits", "Endpoint"]
