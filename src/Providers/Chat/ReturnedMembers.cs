using System.Text;
using Evergrain.Conversations.Context;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Members that a server put on a call or a message and wants back, such as thought signatures: a JSON object for each
/// item.
/// </summary>
internal static class ReturnedMembers
{
    // What servers give with an item and want in the message. Sources: OpenRouter's reasoning tokens; GitHub Copilot.
    private static readonly string[] OfMessages = ["reasoning_details", "reasoning_opaque"];

    /// <summary>What a server wants back with an item; empty where it is another server's, or nothing.</summary>
    public static ReadOnlyMemory<byte> Of(Item item, string server) =>
        item.Origin is { Kept: ['{', ..] } origin && origin.Server == server
            ? Encoding.UTF8.GetBytes(origin.Kept)
            : default;

    /// <summary>Parts what goes with a call itself from what goes with the message around it.</summary>
    public static (ReadOnlyMemory<byte> Call, ReadOnlyMemory<byte> Message) Split(ReadOnlyMemory<byte> json)
    {
        var members = JsonMembers.Of(json).All.ToLookup(static member =>
            OfMessages.Contains(JsonContent.Decode(member.Name.Span), StringComparer.Ordinal));
        return members[true].Any() ? (ObjectOf(members[false]), ObjectOf(members[true])) : (json, default);
    }

    /// <summary>
    /// Writes the members of objects, each with the comma before it. Lists of one name are joined; of other values of
    /// one name the last stays.
    /// </summary>
    public static void WriteTo(BodyWriter output, IReadOnlyList<ReadOnlyMemory<byte>> objects)
    {
        if (objects.Count == 0)
        {
            return;
        }

        var members = objects.SelectMany(static json => JsonMembers.Of(json).All)
            .GroupBy(static member => Encoding.UTF8.GetString(member.Name.Span), static member => member.Value,
                StringComparer.Ordinal);
        foreach (var member in members)
        {
            output.Raw(",\""u8).Raw(Encoding.UTF8.GetBytes(member.Key)).Raw("\":"u8);
            var values = member.ToList();
            if (values.TrueForAll(static value => value.Span[0] == '['))
            {
                WriteJoined(output, values);
            }
            else
            {
                output.Raw(values[^1]);
            }
        }
    }

    private static ReadOnlyMemory<byte> ObjectOf(
        IEnumerable<(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value)> members)
    {
        var output = new BodyWriter();
        foreach (var (name, value) in members)
        {
            output.Raw(output.IsEmpty ? "{\""u8 : ",\""u8).Raw(name).Raw("\":"u8).Raw(value);
        }

        return output.IsEmpty ? default(ReadOnlyMemory<byte>) : output.Raw("}"u8).ToArray();
    }

    private static void WriteJoined(BodyWriter output, List<ReadOnlyMemory<byte>> lists)
    {
        output.Raw("["u8);
        var isFirst = true;
        foreach (var element in lists.SelectMany(static list => JsonMembers.Elements(list)))
        {
            output.Raw(isFirst ? default : ","u8).Raw(element);
            isFirst = false;
        }

        output.Raw("]"u8);
    }
}
