//! Finds numbers that JSON does not have: NaN and the infinities. `serde_json` writes them as `null` without an error,
//! which would silently change a result.

use std::fmt::Display;

use serde::Serialize;
use serde::ser::{self, Serializer};

/// Fails if the value contains a number that JSON does not have.
pub(super) fn check<V: Serialize + ?Sized>(value: &V) -> Result<(), serde_json::Error> {
    value.serialize(Finite)
}

/// A serializer that writes nothing and accepts everything but such numbers.
#[derive(Clone, Copy)]
struct Finite;

type Checked = Result<(), serde_json::Error>;

/// Methods that accept a value without checking it.
macro_rules! accept {
    ($($method:ident($($of:ty),*);)*) => { $(fn $method(self, $(_: $of),*) -> Checked { Ok(()) })* };
}

/// Methods that begin a container.
macro_rules! begin {
    ($($method:ident($($of:ty),*);)*) => { $(fn $method(self, $(_: $of),*) -> Result<Self, serde_json::Error> { Ok(self) })* };
}

/// A container: its method for each element, and the end.
macro_rules! container {
    ($($kind:ident: $($method:ident($($of:ty),*)),*;)*) => { $(
        impl ser::$kind for Finite {
            type Ok = ();
            type Error = serde_json::Error;
            $(fn $method<T: Serialize + ?Sized>(&mut self, $(_: $of,)* value: &T) -> Checked {
                value.serialize(*self)
            })*
            fn end(self) -> Checked {
                Ok(())
            }
        }
    )* };
}

impl Serializer for Finite {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn serialize_f32(self, value: f32) -> Checked {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Checked {
        if value.is_finite() { Ok(()) } else { Err(ser::Error::custom(format_args!("JSON has no number {value}"))) }
    }

    accept! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    begin! {
        serialize_seq(Option<usize>);
        serialize_tuple(usize);
        serialize_tuple_struct(&'static str, usize);
        serialize_tuple_variant(&'static str, u32, &'static str, usize);
        serialize_map(Option<usize>);
        serialize_struct(&'static str, usize);
        serialize_struct_variant(&'static str, u32, &'static str, usize);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Checked {
        Ok(())
    }
}

container! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(f64),
        Tuple(f64, f32),
        Struct { a: Option<f64> },
    }

    #[derive(Serialize)]
    struct Tuple(f32, f64);

    #[test]
    fn numbers_that_json_has_pass_in_every_kind_of_value() {
        check(&(1.0, f64::MAX, -0.0_f32, 1_u128, i128::MIN, 'c', "NaN", ())).unwrap();
        check(&[Shape::Unit, Shape::Newtype(1.0), Shape::Tuple(1.0, 2.0), Shape::Struct { a: None }]).unwrap();
        check(&Tuple(1.0, 2.0)).unwrap();
        check(&json!({ "a": [null, 1.5, { "b": true }] })).unwrap();
        check(&RawValue::from_string("[1e400, null]".to_owned()).unwrap()).unwrap();
        check(&std::net::Ipv4Addr::LOCALHOST).unwrap();
    }

    #[test]
    fn nan_and_infinity_are_found_wherever_they_are() {
        check(&Tuple(f32::NAN, 0.0)).unwrap_err();
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let map = BTreeMap::from([("a", vec![Some(bad)])]);
            for found in [
                check(&bad),
                check(&(1, bad)),
                check(&map),
                check(&[Shape::Newtype(bad)]),
                check(&Shape::Tuple(bad, 1.0)),
                check(&Shape::Struct { a: Some(bad) }),
                check(&Tuple(0.0, bad)),
            ] {
                let error = found.unwrap_err().to_string();
                assert!(error.contains(&format!("JSON has no number {bad}")), "{error}");
            }
        }
    }
}
