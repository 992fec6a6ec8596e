/** Conversations, and the templates by which a model folder says how they become text. */
package awq4j.chat;
