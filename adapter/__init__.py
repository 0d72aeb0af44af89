"""MQTT-to-Kafka protocol adapter: devices publish over MQTT, Kafka has it, then the PUBACK leaves."""

__version__ = "0.1.0"
