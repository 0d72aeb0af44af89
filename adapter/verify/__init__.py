"""The proof behind `verify`: compares what devices were told with what Kafka has, and judges it by the promises."""
