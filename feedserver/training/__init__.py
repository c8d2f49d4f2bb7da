"""The rules of training: values in, values out. No clock, no I/O, standard library and dateutil alone."""
