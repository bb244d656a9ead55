//! Lets a module count the instructions that it executes.
//!
//! wasmi's own measure, fuel, is charged for a whole loop body or function at once, early exits or not, and so says
//! ten times as much of code that leaves early. Here every run of instructions without a branch counts itself.

use walrus::ir::{
    BinaryOp, Binop, Const, GlobalGet, GlobalSet, Instr, InstrLocId, InstrSeq, InstrSeqId, Value,
};
use walrus::ir::{Visitor, dfs_in_order};
use walrus::{ConstExpr, GlobalId, LocalFunction, Module, ValType};
use wasmi::Error;

/// The exported global that holds the count.
pub(crate) const COUNTER: &str = "instructions";

/// The module with a counter in it.
pub(crate) fn metered(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut module = Module::from_buffer(wasm).map_err(|error| Error::new(error.to_string()))?;
    let zero = ConstExpr::Value(Value::I64(0));
    let counter = module.globals.add_local(ValType::I64, true, false, zero);
    module.exports.add(COUNTER, counter);
    for (_, function) in module.funcs.iter_local_mut() {
        for id in sequences(function) {
            let sequence = function.block_mut(id);
            sequence.instrs = counting(std::mem::take(&mut sequence.instrs), counter);
        }
    }
    Ok(module.emit_wasm())
}

/// The bodies of a function's blocks, its own included.
fn sequences(function: &LocalFunction) -> Vec<InstrSeqId> {
    #[derive(Default)]
    struct Found(Vec<InstrSeqId>);
    impl<'a> Visitor<'a> for Found {
        fn start_instr_seq(&mut self, sequence: &'a InstrSeq) {
            self.0.push(sequence.id());
        }
    }
    let mut found = Found::default();
    dfs_in_order(&mut found, function, function.entry_block());
    found.0
}

type Body = Vec<(Instr, InstrLocId)>;

/// The body with a count before each run of instructions that are executed together.
fn counting(body: Body, counter: GlobalId) -> Body {
    let mut out = Body::with_capacity(body.len() * 2);
    let mut run = Body::new();
    for (instr, place) in body {
        let ends = ends_run(&instr);
        run.push((instr, place));
        if ends {
            append(&mut out, &mut run, counter);
        }
    }
    append(&mut out, &mut run, counter);
    out
}

/// Whether what follows may be executed without what stands before, or the other way round.
fn ends_run(instr: &Instr) -> bool {
    is_bracket(instr) || instr.following_instructions_are_unreachable() || matches!(instr, Instr::BrIf(_))
}

/// Blocks hold instructions and are none themselves.
fn is_bracket(instr: &Instr) -> bool {
    matches!(instr, Instr::Block(_) | Instr::Loop(_) | Instr::IfElse(_))
}

fn append(out: &mut Body, run: &mut Body, counter: GlobalId) {
    let executed = run.iter().filter(|(instr, _)| !matches!(instr, Instr::Block(_) | Instr::Loop(_))).count();
    if let Ok(executed @ 1..) = i64::try_from(executed) {
        let count = [
            Instr::GlobalGet(GlobalGet { global: counter }),
            Instr::Const(Const { value: Value::I64(executed) }),
            Instr::Binop(Binop { op: BinaryOp::I64Add }),
            Instr::GlobalSet(GlobalSet { global: counter }),
        ];
        out.extend(count.map(|instr| (instr, InstrLocId::default())));
    }
    out.append(run);
}

#[test]
fn branches_count_what_they_execute_and_no_more() {
    let wasm = wat::parse_str(
        r#"(module (func (export "f") (param i32)
             (loop $again
               (block $out
                 (br_if $out (i32.eqz (local.get 0)))
                 (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                 (br $again)))))"#,
    )
    .unwrap();
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, metered(&wasm).unwrap()).unwrap();
    let mut store = wasmi::Store::new(&engine, ());
    let instance = wasmi::Linker::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
    let call = instance.get_typed_func::<i32, ()>(&store, "f").unwrap();
    // Each turn: get, eqz, br_if, then get, const, sub, set, br; the last one leaves after three.
    for (turns, expected) in [(0, 3), (1, 8 + 3), (5, 5 * 8 + 3)] {
        let count =
            |store: &wasmi::Store<()>| instance.get_global(store, COUNTER).unwrap().get(store).i64().unwrap();
        let before = count(&store);
        call.call(&mut store, turns).unwrap();
        assert_eq!(count(&store) - before, expected);
    }
}
