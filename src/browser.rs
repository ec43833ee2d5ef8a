//! Owners of JS objects and the driver that pumps the engine.
