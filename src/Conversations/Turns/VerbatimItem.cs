using System.Text.Json;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>An output item as its server said it: checked before anything of it is kept or shown.</summary>
internal static class VerbatimItem
{
    /// <summary>Refuses an item that this conversation could not hold, or that is not the one that began.</summary>
    /// <param name="json">The item without its id.</param>
    /// <param name="open">The item as it began.</param>
    /// <exception cref="FormatException">It is refused; the message is fit for a client.</exception>
    public static void Check(ReadOnlyMemory<byte> json, OutputItem open)
    {
        try
        {
            using var item = ItemTree.Read(json.Span);
            new ItemRules(item, "output").Check(ItemHead.Of(item));
            var done = ReplayedItem.Parse(json).Started;
            if (done.Item != open.Kind || (open.IsCall &&
                (done.Name, done.Namespace, done.CallId) != (open.Name, open.Namespace, open.CallId)))
            {
                throw new FormatException("the model server ended another item than it began");
            }
        }
        catch (Exception e) when (e is ConversationException or JsonException or InvalidOperationException)
        {
            throw new FormatException("the model server sent an item that is not valid: " + e.Message, e);
        }
    }
}
