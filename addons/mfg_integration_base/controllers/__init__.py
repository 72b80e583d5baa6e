from . import catalogue, dispatcher, inbound
