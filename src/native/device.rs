//! Which device computes: chosen at run time from those that were built in.

use burn::tensor::Device;
use strum::{EnumString, VariantArray};
use thiserror::Error;

use crate::name::UnknownName;

/// A device by the name that the command line takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownName, parse_err_fn = unknown)]
pub enum DeviceKind {
    /// The fastest that was built in: CUDA, then WebGPU's native cousins, then the CPU.
    Auto,
    /// The CPU, by burn-flex.
    Cpu,
    /// The CPU, by burn-ndarray.
    #[strum(serialize = "ndarray")]
    NdArray,
    /// The CPU, by LibTorch.
    Tch,
    /// Vulkan, Metal or DX12.
    Wgpu,
    /// NVIDIA's CUDA.
    Cuda,
}

/// A device that cannot be had.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The feature was not compiled in.
    #[error("this unnoise was built without the device \"{0}\": rebuild it with `--features {1}`")]
    NotBuilt(DeviceKind, &'static str),
    /// The driver or the adapter is missing.
    #[error("the device \"{0}\" cannot be used on this machine ({1}): try `--device cpu`")]
    Unusable(DeviceKind, String),
}

fn unknown(name: &str) -> UnknownName {
    UnknownName::new("device", name, DeviceKind::VARIANTS)
}

impl DeviceKind {
    /// Opens the device and computes one sum on it, so that a missing driver shows here and not in
    /// the middle of a run.
    ///
    /// # Errors
    /// [`DeviceError`]: not built in, or not usable.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Auto => [Self::Cuda, Self::Wgpu, Self::Tch, Self::Cpu, Self::NdArray]
                .into_iter()
                .find_map(|kind| kind.open().ok())
                .ok_or(DeviceError::NotBuilt(Self::Cpu, "flex")),
            kind => {
                // A backend without a driver panics rather than returns.
                let quiet = std::panic::take_hook();
                std::panic::set_hook(Box::new(|_| {}));
                let tried = std::panic::catch_unwind(|| {
                    kind.construct().map(|device| {
                        let one = burn::tensor::Tensor::<1>::ones([1], &device);
                        (device, one.try_into_data())
                    })
                });
                std::panic::set_hook(quiet);
                match tried {
                    Ok(Ok((device, Ok(_)))) => Ok(device),
                    Ok(Ok((_, Err(error)))) => Err(DeviceError::Unusable(kind, error.to_string())),
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err(DeviceError::Unusable(
                        kind,
                        "no driver or no adapter".into(),
                    )),
                }
            }
        }
    }

    #[allow(deprecated, reason = "ndarray and tch are kept as second opinions")]
    fn construct(self) -> Result<Device, DeviceError> {
        match self {
            #[cfg(feature = "flex")]
            Self::Cpu => Ok(Device::flex()),
            #[cfg(not(feature = "flex"))]
            Self::Cpu => Err(DeviceError::NotBuilt(self, "flex")),
            #[cfg(feature = "ndarray")]
            Self::NdArray => Ok(Device::ndarray()),
            #[cfg(not(feature = "ndarray"))]
            Self::NdArray => Err(DeviceError::NotBuilt(self, "ndarray")),
            #[cfg(feature = "tch")]
            Self::Tch => Ok(Device::libtorch()),
            #[cfg(not(feature = "tch"))]
            Self::Tch => Err(DeviceError::NotBuilt(self, "tch")),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu_options()
                .init()
                .map_err(|error| DeviceError::Unusable(self, error.to_string())),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu => Err(DeviceError::NotBuilt(self, "wgpu")),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => Err(DeviceError::NotBuilt(self, "cuda")),
            Self::Auto => unreachable!("open() tries the others"),
        }
    }
}
