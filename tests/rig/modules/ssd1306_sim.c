// SPDX-License-Identifier: GPL-2.0
/*
 * An I2C adapter, /dev/i2c-1, with an SSD1306 at 0x3c: 128x64 dots.
 *
 * debugfs, folder ssd1306_sim:
 *   ram       1024 bytes, as in the controller: eight pages of 128 columns, bit 0 uppermost
 *   scan      seen from the front with the usual wiring: "columns mirrored, rows mirrored, on, inverted", one digit each
 *   failing   Y: every transfer ends with EIO, as with a loose cable
 *   transfers number of transfers that succeeded
 */
#include <linux/debugfs.h>
#include <linux/i2c.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>

#define ADDRESS 0x3c
#define COLUMNS 128
#define PAGES 8

enum mode { HORIZONTAL, VERTICAL, PAGE };

static DEFINE_MUTEX(lock);
static u8 ram[PAGES * COLUMNS];
static enum mode mode = PAGE;
static u8 column, column_first, column_last = COLUMNS - 1;
static u8 page, page_first, page_last = PAGES - 1;
static bool segments_mirrored, rows_mirrored, on, inverted;
static bool failing;
static u32 transfers;

/* The command whose arguments are still to come; they may come in transfers of their own. */
static u8 command, arguments[6], argument_count;

static struct dentry *folder;

static u8 arguments_of(u8 code)
{
	switch (code) {
	case 0x20: /* addressing mode */
	case 0x81: /* contrast */
	case 0x8d: /* charge pump */
	case 0xa8: /* multiplex ratio */
	case 0xd3: /* display offset */
	case 0xd5: /* clock */
	case 0xd9: /* pre-charge */
	case 0xda: /* COM pins */
	case 0xdb: /* VCOMH */
		return 1;
	case 0x21: /* columns */
	case 0x22: /* pages */
	case 0xa3: /* vertical scroll area */
		return 2;
	case 0x29:
	case 0x2a: /* scroll both ways */
		return 5;
	case 0x26:
	case 0x27: /* scroll sideways */
		return 6;
	default:
		return 0;
	}
}

static void execute(void)
{
	switch (command) {
	case 0x00 ... 0x0f:
		if (mode == PAGE)
			column = (column & 0xf0) | command;
		break;
	case 0x10 ... 0x1f:
		if (mode == PAGE)
			column = (column & 0x0f) | ((command & 0x07) << 4);
		break;
	case 0x20:
		mode = min_t(u8, arguments[0] & 3, PAGE);
		break;
	case 0x21:
		column_first = arguments[0] % COLUMNS;
		column_last = arguments[1] % COLUMNS;
		column = column_first;
		break;
	case 0x22:
		page_first = arguments[0] % PAGES;
		page_last = arguments[1] % PAGES;
		page = page_first;
		break;
	case 0xa0 ... 0xa1:
		segments_mirrored = command & 1;
		break;
	case 0xa6 ... 0xa7:
		inverted = command & 1;
		break;
	case 0xae ... 0xaf:
		on = command & 1;
		break;
	case 0xb0 ... 0xb7:
		if (mode == PAGE)
			page = command & 7;
		break;
	case 0xc0 ... 0xcf:
		rows_mirrored = command & 8;
		break;
	}
}

static void take_command(u8 byte)
{
	u8 wanted = arguments_of(command);

	if (argument_count < wanted) {
		arguments[argument_count++] = byte;
	} else {
		command = byte;
		argument_count = 0;
		wanted = arguments_of(command);
	}
	if (argument_count == wanted)
		execute();
}

static void next_column(void)
{
	column = column == column_last ? column_first : (column + 1) % COLUMNS;
}

static void next_page(void)
{
	page = page == page_last ? page_first : (page + 1) % PAGES;
}

static void take_data(u8 byte)
{
	/* Segment remap changes where later data lie in the RAM, as in the controller. */
	ram[page * COLUMNS + (segments_mirrored ? COLUMNS - 1 - column : column)] = byte;
	switch (mode) {
	case HORIZONTAL:
		if (column == column_last)
			next_page();
		next_column();
		break;
	case VERTICAL:
		if (page == page_last)
			next_column();
		next_page();
		break;
	case PAGE:
		column = (column + 1) % COLUMNS;
		break;
	}
}

static void take_message(const struct i2c_msg *message)
{
	u16 i = 0;

	while (i + 1 < message->len) {
		u8 control = message->buf[i++];
		bool data = control & 0x40;

		if (control & 0x80) { /* one byte, then another control byte */
			data ? take_data(message->buf[i]) : take_command(message->buf[i]);
			i++;
			continue;
		}
		for (; i < message->len; i++)
			data ? take_data(message->buf[i]) : take_command(message->buf[i]);
	}
}

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int i, result = count;

	mutex_lock(&lock);
	for (i = 0; i < count && result == count; i++) {
		if (failing)
			result = -EIO;
		else if (messages[i].addr != ADDRESS)
			result = -ENXIO;
		else if (messages[i].flags & I2C_M_RD)
			memset(messages[i].buf, on ? 0x00 : 0x40, messages[i].len);
		else
			take_message(&messages[i]);
	}
	if (result == count)
		transfers++;
	mutex_unlock(&lock);
	return result;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = {
	.master_xfer = transfer,
	.functionality = functionality,
};

static struct i2c_adapter adapter = {
	.owner = THIS_MODULE,
	.name = "SSD1306 simulation",
	.algo = &algorithm,
	.nr = 1,
};

static int scan_show(struct seq_file *file, void *unused)
{
	seq_printf(file, "%d%d%d%d\n", segments_mirrored, rows_mirrored, on, inverted);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(scan);

static struct debugfs_blob_wrapper ram_blob = { .data = ram, .size = sizeof(ram) };

static int __init ssd1306_sim_init(void)
{
	int error = i2c_add_numbered_adapter(&adapter);

	if (error)
		return error;
	folder = debugfs_create_dir("ssd1306_sim", NULL);
	debugfs_create_blob("ram", 0400, folder, &ram_blob);
	debugfs_create_file("scan", 0400, folder, NULL, &scan_fops);
	debugfs_create_bool("failing", 0600, folder, &failing);
	debugfs_create_u32("transfers", 0400, folder, &transfers);
	return 0;
}
module_init(ssd1306_sim_init);

static void __exit ssd1306_sim_exit(void)
{
	debugfs_remove(folder);
	i2c_del_adapter(&adapter);
}
module_exit(ssd1306_sim_exit);

MODULE_DESCRIPTION("I2C adapter with a simulated SSD1306");
MODULE_LICENSE("GPL");
