//! G.711: a sample in eight bits, mu-law or A-law (ITU-T G.711), at 8 kHz.

/// What mu-law adds before it looks for the segment, on the scale of 14 bits.
const ULAW_BIAS: i32 = 33;
/// The loudest that mu-law holds, on the scale of 14 bits.
const ULAW_CLIP: i32 = 8_158;
/// A-law turns every other bit round, so that silence has edges for the line.
const ALAW_TOGGLE: u8 = 0x55;

/// One sample to mu-law.
#[must_use]
pub const fn to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let mut level = (sample as i32 >> 2).abs();
    if level > ULAW_CLIP {
        level = ULAW_CLIP;
    }
    level += ULAW_BIAS;
    // The segment is where the highest bit stands: bit 5 is segment 0, bit 12 segment 7.
    let segment = 26 - level.leading_zeros();
    let step = (level >> (segment + 1)) & 0x0f;
    !(sign | (segment as u8) << 4 | step as u8)
}

/// One sample from mu-law.
#[must_use]
pub const fn from_ulaw(code: u8) -> i16 {
    let code = !code;
    let (segment, step) = ((code >> 4) & 0x07, (code & 0x0f) as i32);
    let level = (((step << 1) + ULAW_BIAS) << segment) - ULAW_BIAS;
    let sample = (level << 2) as i16;
    if code & 0x80 == 0 { sample } else { -sample }
}

/// One sample to A-law.
#[must_use]
pub const fn to_alaw(sample: i16) -> u8 {
    // Positive samples carry the sign bit; negative ones count from -1 down.
    let sign = if sample >= 0 { 0x80 } else { 0 };
    let level = if sample >= 0 { sample as i32 } else { !(sample as i32) } >> 4;
    let code = if level < 32 {
        level as u8 // The first two segments have the same steps.
    } else {
        let segment = 28 - level.leading_zeros();
        (segment as u8) << 4 | ((level >> (segment - 1)) & 0x0f) as u8
    };
    (sign | code) ^ ALAW_TOGGLE
}

/// One sample from A-law.
#[must_use]
pub const fn from_alaw(code: u8) -> i16 {
    let code = code ^ ALAW_TOGGLE;
    let (segment, step) = ((code >> 4) & 0x07, (code & 0x0f) as i32);
    let level = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -level as i16 } else { level as i16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the tables in G.711, on the scale of 16 bits.
    #[test]
    fn known_codes_have_their_level() {
        for (code, level) in
            [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xfe, 8), (0xf0, 120), (0xef, 132)]
        {
            assert_eq!(from_ulaw(code), level, "{code:#x}");
        }
        for (code, level) in [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0xc5, 264), (0xda, 248)] {
            assert_eq!(from_alaw(code), level, "{code:#x}");
        }
    }

    #[test]
    fn every_code_is_what_its_level_is_coded_as() {
        for code in 0..=u8::MAX {
            if code != 0x7f {
                assert_eq!(to_ulaw(from_ulaw(code)), code, "{code:#x}"); // 0x7f is the second zero.
            }
            assert_eq!(to_alaw(from_alaw(code)), code, "{code:#x}");
        }
    }

    #[test]
    fn a_sample_loses_no_more_than_its_segment_allows() {
        for sample in i16::MIN..=i16::MAX {
            let allowed = 40 + i32::from(sample).abs() / 24;
            for back in [from_ulaw(to_ulaw(sample)), from_alaw(to_alaw(sample))] {
                assert!((i32::from(back) - i32::from(sample)).abs() <= allowed, "{sample} became {back}");
            }
        }
    }
}
