using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>The history that a client sends again: a branch as it saw it, and what it makes of that.</summary>
internal sealed class ResentItems(Agenda agenda)
{
    /// <summary>The items of a branch; null: nobody saw all of it.</summary>
    public static List<byte[]>? Of(Errand last)
    {
        var items = new List<byte[]>();
        for (var errand = last; errand is not null; errand = errand.Parent)
        {
            if (errand.Seen.Outcome.IsEmpty)
            {
                return null;
            }

            items.InsertRange(0, [.. errand.Items, .. OutputOf(errand.Seen.Outcome)]);
        }

        return items;
    }

    /// <summary>Changes the items as clients do, or as they should not; says how.</summary>
    public string Change(List<byte[]> items)
    {
        var twin = items.FindIndex(TwinAnswers.IsAnswer);
        switch (agenda.Below(10))
        {
            case < 5 when twin >= 0:
                items[twin] = TwinAnswers.Other(items[twin]);
                return ", with the answer's twin";
            case < 2:
                items.RemoveAt(agenda.Below(items.Count));
                return ", with an item left out";
            case < 6:
                for (var i = 0; i < items.Count; i++)
                {
                    items[i] = WithoutId(items[i]);
                }

                return ", without ids";
            default:
                return "";
        }
    }

    private static List<byte[]> OutputOf(ReadOnlyMemory<byte> response)
    {
        using var document = JsonDocument.Parse(response);
        return [.. document.RootElement.GetProperty("output").EnumerateArray()
            .Select(static item => Encoding.UTF8.GetBytes(item.GetRawText()))];
    }

    private static byte[] WithoutId(byte[] item)
    {
        var members = JsonNode.Parse(item)!.AsObject();
        members.Remove("id");
        members.Remove("status");
        return Encoding.UTF8.GetBytes(members.ToJsonString());
    }
}

/// <summary>
/// Two answers to one question. By chance the keys of the two histories have equal first 32 bits, found among some
/// hundred thousand answers. All else of them differs.
/// </summary>
internal static class TwinAnswers
{
    public static readonly byte[] Question = """{"role":"user","content":"Which one?"}"""u8.ToArray();

    public static readonly byte[] First = "number 2693"u8.ToArray();

    public static readonly byte[] Second = "number 124132"u8.ToArray();

    /// <summary>Whether an item is one of the answers.</summary>
    public static bool IsAnswer(byte[] item) => item.AsSpan().IndexOf(First) >= 0 || item.AsSpan().IndexOf(Second) >= 0;

    /// <summary>The same item with the other answer.</summary>
    public static byte[] Other(byte[] item)
    {
        var (from, to) = item.AsSpan().IndexOf(First) >= 0 ? (First, Second) : (Second, First);
        var at = item.AsSpan().IndexOf(from);
        return [.. item[..at], .. to, .. item[(at + from.Length)..]];
    }
}
