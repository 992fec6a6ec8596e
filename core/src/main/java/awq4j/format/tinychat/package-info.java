/** Folders of TinyChatEngine: raw files of blocks of 32 codes, in an order for each processor. */
package awq4j.format.tinychat;
