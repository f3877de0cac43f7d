use crate::actions::Limits;

#[test]
fn a_quarter_of_an_accounts_stacks_is_left_to_everything_else_in_it() {
    assert_eq!(Limits::of_account(2_000).most_versions, Some(1_500));
    assert_eq!(Limits::of_account(3).most_versions, Some(3));
}
