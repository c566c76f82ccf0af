//! `[codes]`.

use crate::config::keys::Accepts::Code;
use crate::config::keys::key;
use crate::domain::class::CellClass;

/// The keys of the classes and their lookup, from one list.
macro_rules! codes {
    ($($key:ident $class:ident $(#[doc = $comment:literal])+;)+) => {
        section! {
            /// Codes of the differential for laboratory systems (HL7, FHIR, ASTM): "loinc" for the code of the table in
            /// docs/interfaces.md, a code of your own system, or "" to leave that class out of what is sent.
            "codes", CodesConfig {
                /// The whole differential, as it is ordered.
                panel: String = "loinc".into() => key(Code);
                $($(#[doc = $comment])+ $key: String = "loinc".into() => key(Code);)+
            }
        }

        impl CodesConfig {
            /// What is configured for a class; empty for one that is not reported as a class.
            #[must_use]
            pub fn of(&self, class: CellClass) -> &str {
                match class {
                    $(CellClass::$class => &self.$key,)+
                    CellClass::Plt => "",
                }
            }
        }
    };
}

codes! {
    ngs Ngs /// Segmented neutrophils.
    ;
    ngb Ngb /// Band neutrophils.
    ;
    lyt Lyt /// Lymphocytes, typical.
    ;
    lya Lya /// Lymphocytes, atypical.
    ;
    lyr Lyr /// Lymphocytes, reactive, if a person named them. No LOINC code: the program's own by default.
    ;
    plc Plc /// Plasma cells, if a person named them.
    ;
    mon Mon /// Monocytes.
    ;
    eos Eos /// Eosinophils.
    ;
    bas Bas /// Basophils.
    ;
    bla Bla /// Blasts whose line is not told: what the program answers for every blast.
    ;
    myo Myo /// Myeloblasts, if a person named them.
    ;
    mob Mob /// Monoblasts, if a person named them.
    ;
    lbl Lbl /// Lymphoblasts, if a person named them.
    ;
    pmb Pmb /// Bilobed promyelocytes, if a person named them. No LOINC code: the program's own by default.
    ;
    pmo Pmo /// Promyelocytes.
    ;
    myb Myb /// Myelocytes.
    ;
    mmz Mmz /// Metamyelocytes.
    ;
    ebo Ebo /// Nucleated red cells, per 100 white cells.
    ;
    ksc Ksc /// Smudge cells, per 100 white cells.
    ;
    two Two /// Two cells in one box, in percent of all white cells. No LOINC code: the program's own by default.
    ;
    art Art /// Artefacts, in percent of what was taken for white cells. No LOINC code: the program's own by default.
    ;
    unk Unk /// Unclassified, in percent of all white cells. No LOINC code: the program's own by default.
    ;
}
