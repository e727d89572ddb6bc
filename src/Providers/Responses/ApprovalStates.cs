using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Responses;

/// <summary>How the names of open questions move: all of them, for they are few.</summary>
internal sealed class ApprovalStates : IStateCodec
{
    /// <inheritdoc/>
    public void Write(Item item, object? before, object after, PayloadWriter output)
    {
        var names = ((ApprovalNames)after).All;
        output.Number(names.Count);
        foreach (var (ours, theirs) in names)
        {
            output.Text(ours);
            output.Text(theirs);
        }
    }

    /// <inheritdoc/>
    public object Read(Item item, object? before, ref PayloadReader input)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var left = input.Count(); left > 0; left--)
        {
            names[input.Text()] = input.Text();
        }

        return ApprovalNames.Of(names);
    }
}
