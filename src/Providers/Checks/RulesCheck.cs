using System.Text.RegularExpressions;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Checks;

/// <summary>Looks for patterns in the texts of new items. The first rule that finds its own refuses.</summary>
internal sealed class RulesCheck(InputCheckOptions options)
{
    private readonly (InputRule Rule, Regex Pattern)[] _rules =
        [.. options.Rules.Select(rule => (rule, rule.Compile(options.MatchTimeout)))];

    /// <summary>Allows the input (null) or refuses it.</summary>
    /// <exception cref="CheckFailedException">A rule took too long.</exception>
    public Refusal? Check(NewInput input, CancellationToken cancellationToken)
    {
        for (var i = 0; i < input.Items.Count; i++)
        {
            if (FindBroken(input.Items[i].Span, cancellationToken) is { } rule)
            {
                return CheckRefusals.Refused(rule.Message, $"input[{i}]");
            }
        }

        return null;
    }

    private InputRule? FindBroken(ReadOnlySpan<byte> item, CancellationToken cancellationToken)
    {
        var face = ItemFace.Read(item);
        var rules = Array.FindAll(_rules, rule => rule.Rule.LooksAt(face));
        var texts = new ItemTexts(item);
        try
        {
            while (rules.Length > 0 && texts.Next())
            {
                if (FindBroken(rules, texts.Text, cancellationToken) is { } broken)
                {
                    return broken;
                }
            }

            return null;
        }
        finally
        {
            texts.Dispose();
        }
    }

    private static InputRule? FindBroken((InputRule Rule, Regex Pattern)[] rules, ReadOnlySpan<char> text,
        CancellationToken cancellationToken)
    {
        foreach (var (rule, pattern) in rules)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                if (pattern.IsMatch(text))
                {
                    return rule;
                }
            }
            catch (RegexMatchTimeoutException)
            {
                // Its own message holds the text.
                throw new CheckFailedException(CheckFailureKind.TimedOut,
                    $"the rule '{rule.Name}' took longer than {pattern.MatchTimeout.TotalSeconds} s for one text");
            }
        }

        return null;
    }
}
