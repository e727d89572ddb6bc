using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>Makes creates, and tells the witness of them.</summary>
internal sealed class Drafts(World world)
{
    private readonly Agenda _agenda = world.Agenda;

    public Errand Make(Draft draft)
    {
        var previous = draft.Parent?.Id is { } id ? $"\"{id}\"" : "null";
        var (declaresSlow, isSlowAsync) = (_agenda.Chance(70), _agenda.Chance(70));
        var errand = new Errand
        {
            Number = world.Errands.Count + 1,
            Key = draft.Key,
            RequestId = draft.RequestId,
            IsKeyed = draft.IsKeyed,
            IsStored = draft.IsStored,
            IsBackground = draft.IsStored && _agenda.Chance(10),
            IsWrong = draft.IsWrong,
            Parent = draft.Parent,
            KnowsParent = draft.KnowsParent,
            Items = draft.Items,
            History = draft.IsReplay ? new SentHistory(DigestOf(draft.Items), draft.Items.Count) : null,
            AsksTwins = draft.AsksTwins,
            IsSlowAsync = declaresSlow && isSlowAsync,
            Create = Encoding.UTF8.GetBytes($$"""
                {"model":"m","store":{{(draft.IsStored ? "true" : "false")}},"previous_response_id":{{previous}},
                 "instructions":"{{Content(draft.IsStored)}}","tools":[{{(declaresSlow ? Slow(isSlowAsync) : "")}}],
                 "input":[{{string.Join(',', draft.Items.Select(Encoding.UTF8.GetString))}}]}
                """),
        };
        world.Errands.Add(errand);
        world.Witness.Made(errand);
        return errand;
    }

    public string Content(bool isStored) => isStored ? $"say {_agenda.Below(9)}" : Witness.UnstoredMarker;

    private static string Slow(bool isAsync) =>
        $$"""{"type":"function","name":"{{SimulatedCall.Slow}}","async":{{(isAsync ? "true" : "false")}}}""";

    private static Digest DigestOf(List<byte[]> items) =>
        items.Aggregate(ItemDigest.Root, static (digest, item) => ItemDigest.Chain(digest, item));
}

/// <summary>A create to be made.</summary>
internal sealed record Draft(ConversationKey Key, Errand? Parent, List<byte[]> Items, UInt128 RequestId)
{
    public bool IsStored { get; init; } = true;

    public bool IsWrong { get; init; }

    public bool IsKeyed { get; init; }

    public bool KnowsParent { get; init; }

    public bool AsksTwins { get; init; }

    public bool IsReplay { get; init; }
}
