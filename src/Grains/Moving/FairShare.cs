using Evergrain.Conversations.Ports;

namespace Evergrain.Grains.Moving;

/// <summary>
/// How many conversations a silo gives to each of the others, so that all hold about as many. Every silo computes it by
/// itself from the same counts; together they give an empty one what it lacks, not each of them all of it.
/// </summary>
internal static class FairShare
{
    // Nothing moves while the emptiest holds three quarters of its share and nobody a quarter more: what comes and goes
    // by itself must not make conversations move for ever.
    private const double ShareMin = 0.75;
    private const double ShareMax = 1.25;

    /// <summary>How many to give to each of the others, in their order.</summary>
    /// <param name="own">How many this silo holds.</param>
    /// <param name="others">How many the others hold.</param>
    /// <param name="chance">Rounds: a fraction of a conversation is one with that probability.</param>
    public static int[] ToGive(int own, IReadOnlyList<int> others, IIdSource chance)
    {
        var give = new int[others.Count];
        var share = (own + others.Sum()) / (double)(others.Count + 1);
        var isUneven = own > share * ShareMax || others.Any(other => other < share * ShareMin);
        var lacking = others.Sum(other => Math.Max(0, share - other));

        // Less than one too many cannot be shared better.
        if (!isUneven || own - share < 1 || lacking <= 0)
        {
            return give;
        }

        for (var i = 0; i < give.Length; i++)
        {
            var exact = (own - share) * Math.Max(0, share - others[i]) / lacking;
            var drawn = chance.Next64() / (double)ulong.MaxValue;
            give[i] = (int)Math.Floor(exact) + (drawn < exact - Math.Floor(exact) ? 1 : 0);
        }

        return give;
    }
}
