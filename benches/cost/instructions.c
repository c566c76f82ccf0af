/*
 * QEMU plugin that counts the instructions a program executes:
 * qemu-aarch64 -plugin instructions.so PROGRAM prints "instructions N" to standard error at the end.
 *
 * Whole blocks are counted on entry, separately for each thread. With instructions.so,functions=on, lines
 * "COUNT FUNCTION" come first, one for each block of a program with symbols; threads in the same block may lose a few.
 * With multiplications=on a line "multiplications N" comes last: vector instructions that multiply bytes or words.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of QEMU's plugin API, version 1, that is used here. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_CB_RW_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
typedef struct { const char *target_name; } qemu_info_t;

#define EXPORT __attribute__((visibility("default")))
#define THREADS 4096

EXPORT int qemu_plugin_version = 1;
/* A cache line each, so that threads do not slow each other down. */
static struct { uint64_t instructions, multiplications, rest[6]; } executed[THREADS];

/* A translated block; blocks are translated by one thread at a time. */
struct block { const char *function; uint64_t size, multiplications, executed; struct block *next; };
static struct block *blocks;
static bool functions, multiplications, wide;

/* An instruction is one of these if it has these bits under the mask. */
struct form { uint32_t mask, bits; };
static const struct form arm64[] = {
	{ 0x9f20bc00, 0x0e208000 }, /* smlal, smull */
	{ 0x9f007400, 0x0f002000 }, /* the same by an element */
	{ 0x9f20fc00, 0x0e009400 }, /* sdot */
	{ 0x9f00f400, 0x0f00e000 }, /* the same by an element */
	{ 0xdfe0f400, 0x4e80a400 }, /* smmla, usmmla */
};
static const struct form arm32[] = {
	{ 0xfe800b50, 0xf2800800 }, /* vmlal, vmull */
};

static bool multiplies(const struct qemu_plugin_insn *instruction)
{
	const struct form *forms = wide ? arm64 : arm32;
	size_t count = wide ? sizeof arm64 / sizeof *arm64 : sizeof arm32 / sizeof *arm32;
	uint32_t bits;
	memcpy(&bits, qemu_plugin_insn_data(instruction), sizeof bits);
	for (size_t form = 0; form < count; form++)
		if ((bits & forms[form].mask) == forms[form].bits)
			return true;
	return false;
}

static void entered(unsigned thread, void *block)
{
	struct block *this = block;
	executed[thread % THREADS].instructions += this->size;
	executed[thread % THREADS].multiplications += this->multiplications;
	this->executed += this->size;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *translation)
{
	struct block *block = calloc(1, sizeof *block);
	(void)id;
	if (!block)
		abort();
	block->function = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(translation, 0));
	block->size = qemu_plugin_tb_n_insns(translation);
	for (size_t at = 0; multiplications && at < block->size; at++)
		block->multiplications += multiplies(qemu_plugin_tb_get_insn(translation, at));
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_cb(translation, entered, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void finished(qemu_plugin_id_t id, void *unused)
{
	uint64_t sum = 0, multiplied = 0;
	(void)id, (void)unused;
	for (struct block *block = blocks; functions && block; block = block->next)
		fprintf(stderr, "%" PRIu64 " %s\n", block->executed, block->function ? block->function : "?");
	for (size_t thread = 0; thread < THREADS; thread++)
		sum += executed[thread].instructions, multiplied += executed[thread].multiplications;
	fprintf(stderr, "instructions %" PRIu64 "\n", sum);
	if (multiplications)
		fprintf(stderr, "multiplications %" PRIu64 "\n", multiplied);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	functions = argc == 1 && !strcmp(argv[0], "functions=on");
	multiplications = argc == 1 && !strcmp(argv[0], "multiplications=on");
	wide = !strcmp(info->target_name, "aarch64");
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
