//! Writes ONNX files small enough for a test, as raw protocol buffer messages of onnx.proto.

/// A message under construction.
#[derive(Clone, Default)]
pub struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 128 {
            self.0.push(number as u8 | 128);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub fn number(mut self, field: u64, number: i64) -> Self {
        self.varint(field << 3);
        self.varint(number.cast_unsigned());
        self
    }

    pub fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap()
}

/// A graph with one `f32` input `[N, 3, side, side]` called `crop`.
#[derive(Clone)]
pub struct Graph(Message);

impl Graph {
    pub fn new(side: usize) -> Self {
        let length = |length: i64| Message::default().number(1, length);
        let shape = Message::default()
            .message(1, &Message::default().text(2, "N"))
            .message(1, &length(3))
            .message(1, &length(signed(side)))
            .message(1, &length(signed(side)));
        let tensor = Message::default().number(1, 1).message(2, &shape);
        let input = Message::default().text(1, "crop").message(2, &Message::default().message(1, &tensor));
        Self(Message::default().text(2, "test").message(11, &input))
    }

    fn constant(&mut self, name: &str, shape: &[usize], kind: i64, raw: &[u8]) {
        let dims = shape.iter().fold(Message::default(), |message, length| message.number(1, signed(*length)));
        let tensor = dims.number(2, kind).text(8, name).bytes(9, raw);
        self.0 = std::mem::take(&mut self.0).message(5, &tensor);
    }

    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, shape, 1, &raw);
    }

    pub fn u8s(&mut self, name: &str, shape: &[usize], values: &[u8]) {
        self.constant(name, shape, 2, values);
    }

    pub fn i8s(&mut self, name: &str, shape: &[usize], values: &[i8]) {
        let raw: Vec<u8> = values.iter().map(|value| value.cast_unsigned()).collect();
        self.constant(name, shape, 3, &raw);
    }

    pub fn i32s(&mut self, name: &str, shape: &[usize], values: &[i32]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, shape, 6, &raw);
    }

    pub fn longs(&mut self, name: &str, shape: &[usize], values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, shape, 7, &raw);
    }

    /// A node named after its output; `lists` are list attributes, `numbers` scalar ones.
    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str, lists: &[(&str, &[i64])], numbers: &[(&str, i64)]) {
        let mut node = inputs.iter().fold(Message::default(), |message, input| message.text(1, input));
        node = node.text(2, output).text(3, output).text(4, op);
        for (name, values) in lists {
            let list = values.iter().fold(Message::default().text(1, name), |list, value| list.number(8, *value));
            node = node.message(5, &list.number(20, 7));
        }
        for (name, value) in numbers {
            node = node.message(5, &Message::default().text(1, name).number(3, *value).number(20, 2));
        }
        if op == "QLinearAdd" {
            node = node.text(7, "com.microsoft");
        }
        self.0 = std::mem::take(&mut self.0).message(1, &node);
    }

    pub fn shuffle(&mut self, input: &str, output: &str, block: i64, mode: &str) {
        let mode = Message::default().text(1, "mode").text(4, mode).number(20, 3);
        let block = Message::default().text(1, "blocksize").number(3, block).number(20, 2);
        let node = Message::default().text(1, input).text(2, output).text(3, output).text(4, "DepthToSpace");
        self.0 = std::mem::take(&mut self.0).message(1, &node.message(5, &mode).message(5, &block));
    }

    /// The file, with these `f32` outputs.
    pub fn file(self, outputs: &[&str]) -> Vec<u8> {
        let kind = Message::default().message(1, &Message::default().number(1, 1));
        let graph = outputs
            .iter()
            .fold(self.0, |graph, name| graph.message(12, &Message::default().text(1, name).message(2, &kind)));
        let opset = |domain: &str, version| Message::default().text(1, domain).number(2, version);
        Message::default()
            .number(1, 8)
            .message(7, &graph)
            .message(8, &opset("", 13))
            .message(8, &opset("com.microsoft", 1))
            .0
    }
}
