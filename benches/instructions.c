/*
 * Counts the instructions that a program executes, as a plugin of QEMU's emulation of a processor:
 * qemu-aarch64 -plugin instructions.so PROGRAM prints "instructions N" to standard error at the end.
 *
 * Whole blocks are counted when they are entered, each thread by itself.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What is needed of QEMU's interface to plugins, version 1. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_CB_RW_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);

#define EXPORT __attribute__((visibility("default")))
#define THREADS 4096

EXPORT int qemu_plugin_version = 1;
/* A cache line each, so that threads do not slow each other down. */
static struct { uint64_t instructions, rest[7]; } executed[THREADS];

static void entered(unsigned thread, void *instructions)
{
	executed[thread % THREADS].instructions += (uintptr_t)instructions;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(block, entered, QEMU_PLUGIN_CB_NO_REGS, (void *)qemu_plugin_tb_n_insns(block));
}

static void finished(qemu_plugin_id_t id, void *unused)
{
	uint64_t sum = 0;
	(void)id, (void)unused;
	for (size_t thread = 0; thread < THREADS; thread++)
		sum += executed[thread].instructions;
	fprintf(stderr, "instructions %" PRIu64 "\n", sum);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
