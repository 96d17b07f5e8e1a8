// SPDX-License-Identifier: MIT
// The Rust crate mail-auth: OPERATION FOLDER, as bench.h says. Its caches hold parsed records; "cold" ones parse each time.
use mail_auth::common::crypto::{RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dkim::DkimSigner;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::spf::verify::SpfParameters;
use mail_auth::spf::Spf;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, SpfResult, Txt};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

struct Records {
    text: HashMap<Box<str>, Vec<u8>>,
    parsed: HashMap<Box<str>, Txt>,
    cold: bool,
}

fn parse(text: &[u8]) -> Txt {
    if text.starts_with(b"v=spf1") {
        Txt::Spf(Arc::new(Spf::parse(text).unwrap()))
    } else {
        Txt::DomainKey(Arc::new(DomainKey::parse(text).unwrap()))
    }
}

impl ResolverCache<Box<str>, Txt> for Records {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.cold {
            self.text.get(name).map(|text| parse(text))
        } else {
            self.parsed.get(name).cloned()
        }
    }
    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }
    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

// Nothing is ever waited for: the caches have it all.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a question to the network"),
    }
}

fn seconds() -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

fn measure(mut run: impl FnMut()) {
    let mut n = 1;
    loop {
        let start = Instant::now();
        (0..n).for_each(|_| run());
        if start.elapsed().as_secs_f64() > 0.04 {
            break;
        }
        n *= 2;
    }
    let best = (0..5)
        .map(|_| {
            let start = seconds();
            (0..n).for_each(|_| run());
            (seconds() - start) / n as f64
        })
        .fold(f64::MAX, f64::min);
    println!("{:.3}", best * 1e6);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (operation, folder) = (arguments[1].as_str(), &arguments[2]);
    let read = |name: &str| std::fs::read(format!("{folder}/{name}")).unwrap();
    let (unsigned, signed, pem) = (read("unsigned.eml"), read("signed.eml"), read("key.pem"));
    let mut text: HashMap<Box<str>, Vec<u8>> = HashMap::new();
    text.insert("s1._domainkey.a.test.".into(), read("record.txt"));
    for line in String::from_utf8(read("spf.txt")).unwrap().lines() {
        let (name, record) = line.split_once(' ').unwrap();
        text.insert(format!("{name}.").into(), record.into());
    }
    let parsed = text.iter().map(|(name, record)| (name.clone(), parse(record))).collect();
    let records = Records { text, parsed, cold: operation.ends_with("_cold") };
    let runtime = MessageAuthenticator::new(ResolverConfig::default(), ResolverOpts::default()).unwrap();
    match operation {
        "sign" => {
            use rustls_pki_types::{pem::PemObject, PrivateKeyDer};
            let key = RsaKey::<Sha256>::from_key_der(PrivateKeyDer::from_pem_slice(&pem).unwrap()).unwrap();
            let signer = DkimSigner::from_key(key).domain("a.test").selector("s1").headers(["From", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc"]);
            measure(|| assert!(!signer.sign(&unsigned).unwrap().to_header().is_empty()));
        }
        "spf_cold" | "spf_warm" => measure(|| {
            let given = SpfParameters::verify_mail_from("192.0.2.77".parse().unwrap(), "mail.tree.test", "mx.test", "user@tree.test");
            let output = finish(runtime.verify_spf(Parameters::new(given).with_txt_cache(&records)));
            assert!(output.result() == SpfResult::Pass);
        }),
        _ => measure(|| {
            let message = AuthenticatedMessage::parse(&signed).unwrap();
            let output = finish(runtime.verify_dkim(Parameters::new(&message).with_txt_cache(&records)));
            assert!(output[0].result() == &DkimResult::Pass);
        }),
    }
}
