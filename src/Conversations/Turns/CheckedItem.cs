using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;

namespace Evergrain.Conversations.Turns;

/// <summary>An input item that was read and checked before its conversation has it.</summary>
/// <param name="Head">What it is.</param>
/// <param name="Digest">The digest of the input up to and with it.</param>
internal readonly record struct CheckedItem(ItemHead Head, Digest Digest);
