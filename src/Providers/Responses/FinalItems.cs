using System.Text.Json;

namespace Evergrain.Providers.Responses;

/// <summary>The output that an answer's end repeats, told apart by what was streamed of it.</summary>
/// <param name="Known">Items that were streamed, at least their beginning, with the JSON they end as.</param>
/// <param name="Unseen">Items that were not, in order.</param>
internal sealed record FinalItems(Dictionary<ServerItem, JsonElement> Known, List<JsonElement> Unseen)
{
    /// <summary>
    /// Matches a response's output with the items that were seen: by their names, then, as some servers name an item
    /// anew each time, the first of the same type that is still without a match. Calls are matched by name only: to
    /// run one twice or never is worse than to fail.
    /// </summary>
    public static FinalItems Match(JsonElement response, List<ServerItem> items)
    {
        var output = ItemJson.Member(response, "output");
        var final = new FinalItems([], []);
        if (output.ValueKind != JsonValueKind.Array)
        {
            return final;
        }

        var read = output.EnumerateArray().Select(json => (Json: json, Item: Read(json))).ToList();
        var named = read.FindAll(entry => final.TryAdd(entry.Json, items, entry.Item.IsSame));
        foreach (var entry in read.Except(named))
        {
            if (entry.Item.IsCall ||
                !final.TryAdd(entry.Json, items, item => !item.IsCall && item.Type == entry.Item.Type))
            {
                final.Unseen.Add(entry.Json);
            }
        }

        return final;
    }

    private static ServerItem Read(JsonElement json) =>
        new(ItemJson.Checked(json), index: -1, isWhole: true);

    private bool TryAdd(JsonElement json, List<ServerItem> items, Predicate<ServerItem> isIt)
    {
        var found = items.Find(item => isIt(item) && !Known.ContainsKey(item));
        return found is not null && Known.TryAdd(found, json);
    }
}
