/* SPDX-License-Identifier: MIT
 *
 * evidence_file.h - the form of a file of the evidence store, for its writer and its reader.
 *
 *	file     magic "HKEF"  u16 version  i64 time of its beginning
 *	record   u8 type  u32 length  u32 CRC-32C of type and payload  payload
 *	ANSWER   hk_dns_answer_format
 *	MESSAGE  u64 id  i64 time  block summary  block record's head  u16 n  n times u32: offset of an ANSWER in this file
 *	EVENT    u64 milliseconds since 1970  u8 enum hk_log_level  a line of the log
 *	ERASED   what was another one: its CRC says nothing, its payload is zeros, or will be
 *	SIGNED   u64 id  i64 time  u8 n  n times: block domain  block selector  u8 alg  u8 sight  block first  u8 its sight  u8 left out
 *
 * A record that is cut short or damaged ends the file for the reader: what was appended last may be torn by a crash.
 */
#ifndef HIKYAKU_ENGINE_EVIDENCE_FILE_H
#define HIKYAKU_ENGINE_EVIDENCE_FILE_H

#include <hikyaku/verify.h>

#include "engine/evidence_store.h"

enum { EVIDENCE_FILE_VERSION = 1, EVIDENCE_FILE_HEAD = 6, EVIDENCE_RECORD_HEAD = 9 };
enum { EVIDENCE_ANSWER = 1, EVIDENCE_MESSAGE = 2, EVIDENCE_SIGNED = 3, EVIDENCE_EVENT = 4, EVIDENCE_ERASED = 5 };
/* A new file past this size: small enough to be read whole, and to go whole. */
#define EVIDENCE_FILE_MAX (16u * 1024 * 1024)
#define EVIDENCE_PATH_MAX 1024
/* A file grows past its mark by one entry at most. */
#define EVIDENCE_READ_MAX (EVIDENCE_FILE_MAX + HK_VERIFY_RECORD_MAX * 4 + 256u * 1024)
#define EVIDENCE_LIST_MAX (4u * 1024 * 1024)

/* evidence_path(dir, number, path): "<dir>/00000007.log"; LIMIT when it is too long. */
enum hk_status evidence_path(const char *dir, uint32_t number, char path[EVIDENCE_PATH_MAX]) HK_MUSTCHECK;
/* evidence_number(name, ret): the inverse for a file name; SYNTAX for a name that is none of ours. */
enum hk_status evidence_number(struct hk_slice name, uint32_t *ret) HK_MUSTCHECK;
/* evidence_record_add(out, type, payload) / evidence_record_next(c, type, payload): END at the end or at damage. */
void evidence_record_add(struct hk_buf *out, uint8_t type, struct hk_slice payload);
enum hk_status evidence_record_next(struct hk_cursor *, uint8_t *ret_type, struct hk_slice *ret_payload) HK_MUSTCHECK;
/* evidence_read(disk, path, out): a whole file; out is bounded by EVIDENCE_READ_MAX. evidence_begin(c): to its first record. NOTFOUND: no
 * file of ours. */
enum hk_status evidence_read(struct hk_disk *, const char *path, struct hk_buf *out) HK_MUSTCHECK;
enum hk_status evidence_begin(struct hk_cursor *) HK_MUSTCHECK;
/* evidence_walk(disk, dir, newest_first, visit, with): each file of ours, whole; one that went meanwhile, as too old, is none. OK from
 * the visitor: the next; END: it has enough, which is OK; else as it says. */
typedef enum hk_status evidence_visitor(void *with, const char *path, struct hk_slice whole);
enum hk_status evidence_walk(struct hk_disk *, const char *dir, bool newest_first, evidence_visitor *, void *with) HK_MUSTCHECK;

#endif
