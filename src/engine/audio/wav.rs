//! Sound as a WAV file.

use super::RATE_HZ;

/// A RIFF/WAVE file with one section of PCM: 16 bit, mono, at [`RATE_HZ`].
///
/// Source: Multimedia Programming Interface and Data Specifications 1.0, "Waveform Audio File Format".
#[must_use]
pub fn wav(pcm: &[i16]) -> Vec<u8> {
    const HEADER: u32 = 44;
    const BYTES: u32 = 2;
    let data = u32::try_from(pcm.len()).unwrap_or(u32::MAX / 4) * BYTES;
    let mut file = Vec::with_capacity((HEADER + data) as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(HEADER - 8 + data).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    // PCM, one channel.
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&RATE_HZ.to_le_bytes());
    file.extend_from_slice(&(RATE_HZ * BYTES).to_le_bytes());
    file.extend_from_slice(&2u16.to_le_bytes());
    file.extend_from_slice(&16u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data.to_le_bytes());
    file.extend(pcm.iter().flat_map(|it| it.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_header_and_its_samples() {
        let file = wav(&[1, -1, i16::MAX]);
        assert_eq!(file.len(), 44 + 6);
        let number = |at: usize| u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]);
        assert_eq!((&file[..4], &file[8..16], &file[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
        assert_eq!((number(4), number(24), number(28), number(40)), (42, 16_000, 32_000, 6));
        assert_eq!(file[44..], [1, 0, 255, 255, 255, 127]);
    }
}
