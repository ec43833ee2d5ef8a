//! Which microphones and loudspeakers there are.

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{MediaDeviceInfo, MediaDeviceKind};

use super::clock::window;
use super::mic::media_devices;
use super::{BrowserError, Listener};
use crate::engine::device::{Device, Support};

/// What this browser can do.
#[must_use]
pub fn support() -> Support {
    let Ok(window) = window() else { return Support::NoWebRtc };
    if !window.is_secure_context() {
        return Support::Insecure;
    }
    if js_sys::Reflect::get(&window, &"RTCPeerConnection".into()).is_ok_and(|it| it.is_undefined()) {
        return Support::NoWebRtc;
    }
    if media_devices().is_err() { Support::NoMicrophone } else { Support::Full }
}

/// All devices: inputs, then outputs. Without permission browsers give no names, and such devices are left out.
///
/// # Errors
/// [`BrowserError`] on insecure pages.
pub async fn list() -> Result<(Vec<Device>, Vec<Device>), BrowserError> {
    let refused = |error| BrowserError::from_js("enumerateDevices", &error);
    let asked = media_devices()?.enumerate_devices().map_err(refused)?;
    let found: js_sys::Array = JsFuture::from(asked).await.map_err(refused)?.unchecked_into();
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for info in found.iter().map(|it| it.unchecked_into::<MediaDeviceInfo>()) {
        let device = Device { id: info.device_id(), label: info.label(), group: info.group_id() };
        if device.id.is_empty() || device.label.is_empty() {
            continue;
        }
        match info.kind() {
            MediaDeviceKind::Audioinput => inputs.push(device),
            MediaDeviceKind::Audiooutput => outputs.push(device),
            _ => {}
        }
    }
    Ok((inputs, outputs))
}

/// Calls `on_change` when a device is plugged in or pulled out.
///
/// # Errors
/// [`BrowserError`] on insecure pages.
pub fn watch(on_change: impl Fn() + 'static) -> Result<Listener, BrowserError> {
    let devices = media_devices()?;
    Listener::new(&devices, "devicechange", move |_: web_sys::Event| on_change())
}
