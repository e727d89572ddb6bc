using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Tests.Items;
using FsCheck;
using FsCheck.Fluent;

namespace Evergrain.Conversations.Tests.Recognition;

/// <summary>The key over items of any shape. A failure prints the seed to replay it with.</summary>
public sealed class RecognitionProperties
{
    private const int Cases = 200;

    private static readonly RecognitionScope Scope = RecognitionScope.Of("default", default, default, isStored: true);
    private static readonly Gen<int> Seed = Gen.Choose(0, int.MaxValue - 1);

    private static readonly Gen<Json[]> History =
        from first in Json.UnknownItem
        from second in Json.UnknownItem
        from third in Json.UnknownItem
        select (Json[])[first, second, third];

    [Fact]
    public void Key_OfItemsSpelledOtherwise_IsTheSame() => Check(static (items, seed) =>
        KeyOf(items, seed) == KeyOf(items, seed + 1));

    [Fact]
    public void Key_OfItemsWithIdsAndStates_IsTheSame() => Check(static (items, seed) =>
        KeyOf([.. items.Select(static item => Without(item, "id", "status"))], seed) ==
        KeyOf([.. items.Select(item => With(item, seed))], seed));

    [Fact]
    public void Key_OfOneItemChanged_IsAnother() => Check(static (items, seed) =>
    {
        var changed = items.ToArray();
        ref var one = ref changed[new Random(seed).Next(changed.Length)];
        one = new JsonMutation(seed).Change(one);
        return KeyOf(items, seed) != KeyOf(changed, seed);
    });

    [Fact]
    public void Key_OfItemsLeftOutOrDoubled_IsAnother() => Check(static (items, seed) =>
    {
        var place = new Random(seed).Next(items.Length);
        return KeyOf(items, seed) != KeyOf([.. items[..place], .. items[(place + 1)..]], seed) &&
            KeyOf(items, seed) != KeyOf([.. items[..place], items[place], .. items[place..]], seed);
    });

    private static Json Without(Json item, params string[] names) => new JsonObject(
        [.. ((JsonObject)item).Members.Where(member => !names.Contains(member.Name))]);

    private static Json With(Json item, int seed) => new JsonObject(
    [
        .. ((JsonObject)Without(item, "id", "status")).Members,
        ("id", new JsonString($"x_{seed}")),
        ("status", new JsonString("completed")),
    ]);

    private static Digest KeyOf(Json[] items, int seed) => Scope.KeyOf(items.Aggregate(ItemDigest.Root,
        (digest, item) => ItemDigest.Chain(digest, Encoding.UTF8.GetBytes(new JsonSpeller(seed).Spell(item)))));

    private static void Check(Func<Json[], int, bool> holds) => FsCheck.Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(Cases),
        Prop.ForAll(Arb.From(Gen.Zip(History, Seed)), pair => holds(pair.Item1, pair.Item2)));
}
