//! The faster copy of the model.
//!
//! candle has no vector instructions for `Q4_1`, the form in which the model is published, and is four times as fast with
//! `Q8_0`.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};

use super::{EmbeddedError, model_file};

/// What GGUF calls a file whose weights are mostly `Q8_0`.
const FILE_TYPE_Q8_0: u32 = 7;

/// Why there is no faster copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequantizeError {
    #[error(transparent)]
    Source(#[from] EmbeddedError),
    #[error("the directory `{}` cannot take the faster copy of the model, 138 MiB ({source}); check its space and who may write to it", directory.display())]
    Write { directory: PathBuf, source: io::Error },
    #[error("the model cannot be converted ({0})")]
    Convert(candle_core::Error),
}

/// The path of the copy in `cache_dir`, which is made from `source` when it is not there.
///
/// The copy's name carries the digest of its source, and it appears under that name only when it is complete and on disk.
/// Two processes may make it at the same time; the later one wins, with the same bytes.
pub(super) fn copy_of(source: &Path, cache_dir: &Path) -> Result<PathBuf, RequantizeError> {
    let copy = cache_dir.join(format!("smollm2-135m-instruct-{}.q8_0.gguf", model_file::SHA256));
    if copy.is_file() {
        return Ok(copy);
    }
    // The source was right when the process started, which may be weeks ago.
    model_file::verify(source)?;
    let failed = |source: io::Error| RequantizeError::Write {
        directory: cache_dir.to_owned(),
        source,
    };
    fs::create_dir_all(cache_dir).map_err(failed)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".requantizing-")
        .tempfile_in(cache_dir)
        .map_err(failed)?;
    write_q8(source, temporary.as_file_mut()).map_err(|error| match error {
        candle_core::Error::Io(source) => failed(source),
        other => RequantizeError::Convert(other),
    })?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(&copy).map_err(|error| failed(error.error))?;
    // The rename itself is on disk only when the directory is.
    File::open(cache_dir)
        .and_then(|directory| directory.sync_all())
        .map_err(failed)?;
    Ok(copy)
}

fn write_q8(source: &Path, target: &mut File) -> candle_core::Result<()> {
    let device = Device::Cpu;
    let mut reader = BufReader::new(File::open(source)?);
    let content = Content::read(&mut reader)?;
    let mut tensors = Vec::with_capacity(content.tensor_infos.len());
    for (name, info) in &content.tensor_infos {
        let tensor = content.tensor(&mut reader, name, &device)?;
        let tensor = match info.ggml_dtype {
            GgmlDType::F32 | GgmlDType::Q8_0 => tensor,
            _ => QTensor::quantize(&tensor.dequantize(&device)?, GgmlDType::Q8_0)?,
        };
        tensors.push((name.as_str(), tensor));
    }
    let file_type = Value::U32(FILE_TYPE_Q8_0);
    let metadata: Vec<(&str, &Value)> = content
        .metadata
        .iter()
        .map(|(key, value)| match key.as_str() {
            "general.file_type" => (key.as_str(), &file_type),
            key => (key, value),
        })
        .collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut writer = BufWriter::new(target);
    gguf_file::write(&mut writer, &metadata, &tensors)?;
    writer.flush()?;
    Ok(())
}
