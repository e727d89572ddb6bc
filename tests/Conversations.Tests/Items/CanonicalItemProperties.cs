using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Evergrain.Conversations.Tests.Items;

/// <summary>A failure prints the seed to replay it with.</summary>
public sealed class CanonicalItemProperties
{
    private const int Cases = 500;

    private static readonly Gen<int> Seed = Gen.Choose(0, int.MaxValue - 1);

    [Fact]
    public void Write_SameItemSpelledTwice_GivesTheSameBytes() => Check(
        Json.UnknownItem,
        (item, seed) => Canonical(item, seed) == Canonical(item, seed + 1));

    [Fact]
    public void Write_CanonicalForm_GivesItself() => Check(
        Json.UnknownItem,
        (item, seed) =>
        {
            var canonical = Canonical(item, seed);
            return canonical == CanonicalItemTests.Canonical(canonical);
        });

    [Fact]
    public void Write_ItemChangedInOnePlace_GivesOtherBytes() => Check(
        Json.UnknownItem,
        (item, seed) => Canonical(item, seed) != Canonical(new JsonMutation(seed).Change(item), seed));

    [Fact]
    public void Write_MessageInAnyShape_GivesTheBytesOfItsFullShape() => Check(
        Gen.Zip(Gen.Elements("user", "assistant", "system", "developer"), Json.AnyText),
        (message, seed) =>
        {
            var (role, text) = message;
            return Canonical(MessageInFull(role, text), seed) == Canonical(MessageInSomeShape(role, text, seed), seed);
        });

    [Fact]
    public void Write_Number_KeepsItsValue() => Check(
        Json.Number.Where(number => !number.KeepsSpelling),
        (number, seed) =>
        {
            var spelled = new JsonSpeller(seed).Spell(number);
            var canonical = CanonicalItemTests.Canonical($"{{\"n\":{spelled}}}")[5..^1];
            return double.Parse(canonical, CultureInfo.InvariantCulture)
                    .Equals(double.Parse(spelled, CultureInfo.InvariantCulture))
                && canonical != "-0" && canonical.Length <= 25;
        });

    private static string Canonical(Json item, int seed) =>
        CanonicalItemTests.Canonical(new JsonSpeller(seed).Spell(item));

    private static JsonObject MessageInFull(string role, string text) => new(
    [
        ("type", new JsonString("message")),
        ("role", new JsonString(role)),
        ("content", new JsonArray([Part(role, text)])),
    ]);

    private static JsonObject MessageInSomeShape(string role, string text, int seed)
    {
        var speller = new JsonSpeller(seed);
        List<(string Name, Json Value)> members =
        [
            ("role", new JsonString(role)),
            ("content", speller.Flip() ? new JsonString(text) : new JsonArray([Part(role, text, speller.Flip())])),
        ];
        (string, Json)[] optional =
        [
            ("type", new JsonString("message")),
            ("id", new JsonString("msg_1")),
            ("status", new JsonString("completed")),
            ("phase", new JsonWord("null")),
        ];
        members.AddRange(optional.Where(_ => speller.Flip()));
        return new JsonObject([.. members]);
    }

    private static JsonObject Part(string role, string text, bool withDefaults = false)
    {
        var isOutput = role == "assistant";
        List<(string Name, Json Value)> members =
        [
            ("text", new JsonString(text)),
            ("type", new JsonString(isOutput ? "output_text" : "input_text")),
        ];
        if (withDefaults && isOutput)
        {
            members.Add(("annotations", new JsonArray([])));
            members.Add(("logprobs", new JsonWord("null")));
        }

        return new JsonObject([.. members]);
    }

    private static void Check<T>(Gen<T> values, Func<T, int, bool> holds) => FsCheck.Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(Cases),
        Prop.ForAll(Arb.From(Gen.Zip(values, Seed)), pair => holds(pair.Item1, pair.Item2)));
}

/// <summary>Changes a value in one place, chosen by the seed, so that it means something else.</summary>
internal sealed class JsonMutation(int seed)
{
    private readonly Random _random = new(seed);

    public Json Change(Json value) => value switch
    {
        JsonString text => ChangeText(text),
        JsonWord word => new JsonWord(word.Word == "null" ? "false" : "null"),
        JsonNumber number => number with { Digits = number.Digits + "1" },
        JsonArray array => ChangeArray(array),
        JsonObject item => ChangeObject(item),
        _ => throw new ArgumentOutOfRangeException(nameof(value)),
    };

    private JsonString ChangeText(JsonString text) =>
        new(_random.Next(2) == 0 ? text.Text + "\ud83d" : "\ue000" + text.Text);

    private Json ChangeArray(JsonArray array)
    {
        if (array.Elements.Length == 0 || _random.Next(4) == 0)
        {
            return new JsonArray([.. array.Elements, new JsonArray([])]);
        }

        var elements = array.Elements.ToArray();
        ref var element = ref elements[_random.Next(elements.Length)];
        element = Change(element);
        return new JsonArray(elements);
    }

    private JsonObject ChangeObject(JsonObject item)
    {
        var members = item.Members.ToArray();
        if (members.Length == 0 || _random.Next(4) == 0)
        {
            return new JsonObject([.. members, ("another name", new JsonWord("null"))]);
        }

        ref var member = ref members[_random.Next(members.Length)];
        member = (member.Name, Change(member.Value));
        return new JsonObject(members);
    }
}
