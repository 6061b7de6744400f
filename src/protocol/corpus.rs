//! For tests: lines of every kind, a seeded generator, and lines made from both by mutation.

/// Lines without their ends, right and wrong ones. Each begins with an object, so each may be a connection's first.
pub(super) const LINES: [&[u8]; 68] = [
    // Every command.
    br#"{"cmd":"ping"}"#,
    br#"{"cmd":"do","id":1,"type":"resize","arg":{"path":"/tmp/a.png","width":640,"height":480}}"#,
    br#"{"cmd":"do","id":"j-1","type":"t"}"#,
    br#" { "cmd" : "do" , "id" : "a\u0062" , "type" : "\u0074\/\"" , "arg" : [ 1 , 2.50 , -0 , 1e400 ] } "#,
    br#"{"arg":null,"type":"t","id":-0,"cmd":"do"}"#,
    br#"{"cmd":"did","id":"j-1","res":"done"}"#,
    br#"{"cmd":"did","job":17,"res":[true,false,null]}"#,
    br#"{"cmd":"did","job":17,"id":null,"err":{"why":"\ud83d\ude00"}}"#,
    br#"{"cmd":"did","id":1,"err":null}"#,
    br#"{"cmd":"can_do","types":["a","b","a"]}"#,
    br#"{"cmd":"can_do","types":[],"max_jobs":65535}"#,
    br#"{"cmd":"cant_do","types":["\u00e9"]}"#,
    br#"{"cmd":"metrics"}"#,
    br#"{"cmd":"metrics","types":true}"#,
    br#"{"cmd":"metrics","types":["a","b"]}"#,
    br#"{"cmd":"ping","id":"x","code":[],"unknown":{"id":1,"id":2}}"#,
    br#"{"\u0063md":"pi\u006eg"}"#,
    // Commands that break a rule.
    br#"{"cmd":"do","id":1,"id":2,"type":"t"}"#,
    br#"{"cmd":"do","id":1,"type":"t","type":"t"}"#,
    br#"{"cmd":"do","cmd":"do","id":1,"type":"t"}"#,
    br#"{"cmd":"do","id":true,"type":"t"}"#,
    br#"{"cmd":"do","id":1,"type":""}"#,
    br#"{"cmd":"do","id":1,"type":"\ud800"}"#,
    br#"{"cmd":"do","id":1,"type":["t"]}"#,
    br#"{"cmd":"did","res":1}"#,
    br#"{"cmd":"did","id":1,"res":1,"err":1}"#,
    br#"{"cmd":"did","job":1.0}"#,
    br#"{"cmd":"did","job":9007199254740992}"#,
    br#"{"cmd":"can_do","types":["a",1]}"#,
    br#"{"cmd":"can_do","types":["a"],"max_jobs":0}"#,
    br#"{"cmd":"can_do","types":["a"],"max_jobs":1e2}"#,
    br#"{"cmd":"metrics","types":null}"#,
    br#"{"cmd":"quit","id":3}"#,
    br#"{"cmd":7}"#,
    br#"{"id":7}"#,
    br"{}",
    // No JSON, or no object.
    br"{",
    br#"{"cmd""#,
    br#"{"cmd":}"#,
    br#"{"cmd":"ping",}"#,
    br#"{"cmd":"ping"}}"#,
    br#"{"cmd":"ping"} {"cmd":"ping"}"#,
    br#"{"cmd":"pi"#,
    br"{cmd:1}",
    br"{'cmd':1}",
    br#"{"a":01}"#,
    br#"{"a":+1}"#,
    br#"{"a":.5}"#,
    br#"{"a":5.}"#,
    br#"{"a":1e}"#,
    br#"{"a":-}"#,
    br#"{"a":NaN}"#,
    br#"{"a":nul}"#,
    br#"{"a":TRUE}"#,
    br#"{"a":[1,]}"#,
    br#"{"a":[1 2]}"#,
    br#"{"a":[}]}"#,
    br#"{"a":"\x41"}"#,
    br#"{"a":"\u00g0"}"#,
    b"{\"a\":\"\x00\"}",
    b"{\"a\":\"\t\"}",
    b"{\"a\":1\x0c}",
    b"{\"a\":\r1}",
    b"{\"a\":\"\r\"}",
    b"{\"a\":\"\xff\"}",
    b"{\"a\":\"\xed\xa0\x80\"}",
    b"{\"a\":\"\xc0\xaf\"}",
    b"{\"a\":\"\xf0\x9f\x98\x80\xe2\x80\xa8\"}",
];

/// A generator whose numbers depend on its seed alone (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % bound as u64).expect("it is below a usize")
    }

    /// One of `choices`.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A line of [`LINES`] after up to three changes.
    pub(super) fn line(&mut self) -> Vec<u8> {
        let mut line = self.pick(&LINES).to_vec();
        for _ in 0..self.below(4) {
            self.change(&mut line);
        }
        line
    }

    /// Removes, repeats, overwrites or inserts something.
    fn change(&mut self, line: &mut Vec<u8>) {
        const PIECES: [&[u8]; 32] = [
            b"\"",
            b"\\",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b" ",
            b"0",
            b"-",
            b".",
            b"e9",
            b"null",
            b"true",
            b"\"id\":1,",
            b"\"cmd\":\"do\",",
            b"\"type\":\"t\",",
            b"\"job\":3,",
            b"\"res\":{},",
            b"\"err\":[],",
            b"\"types\":[],",
            b"\"max_jobs\":2,",
            b"\\u0061",
            b"\\ud800",
            b"\\udc00",
            b"\\n",
            b"\xc3\xa9",
            b"\xc3",
            b"\r",
            b"\x01",
            b"\\u00",
        ];
        let (from, to) = (self.below(line.len() + 1), self.below(line.len() + 1));
        let range = from.min(to)..from.max(to).min(from.min(to) + 8);
        match self.below(4) {
            0 => drop(line.drain(range)),
            1 => {
                let copy = line[range.clone()].to_vec();
                line.splice(range.start..range.start, copy);
            }
            2 => drop(line.splice(range, self.pick(&PIECES).iter().copied())),
            _ => drop(line.splice(from..from, self.pick(&PIECES).iter().copied())),
        }
    }
}
